(* Lemma 4.1: the regularised objective (2) has one common value for all agents.

   N agents with finite action sets A_i (any finite index set of agents; the sets may differ),
   a finite state set S, joint actions a = (a_i)_i.  For a factorised joint policy
   pi(a|s) = \prod_i pi_i(a_i|s) and a state distribution d(s), agent i's LP variable is
   d_i(s,a_i) = d(s) pi_i(a_i|s), and

     (2)_i  =  \sum_{s,a} d_i(s,a_i) pi_{-i}(a_{-i}|s) r(s,a)
               - alpha KL( d_i(s,a_i) pi_{-i}(a_{-i}|s) || d^D(s,a) ).

   The file proves that (2)_i = \sum_{s,a} d(s) pi(a|s) r~(s,a) with the main text's
   r~ = r - alpha ln ( d(s) pi(a|s) / d^D(s,a) ), a right-hand side without i; and that the
   r~ printed in Appendix D misses this value by alpha times a conditional entropy of pi_i. *)
From Coq Require Import Reals Lra.
From mathcomp Require Import all_ssreflect.
From AlberDICE Require Import RealSums Inequalities.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Local Open Scope R_scope.

(* joint actions: one action for every agent, each from the agent's own set *)
Notation joint_action A := {dffun forall i, A i}.

(* a sum of products over the joint actions whose i-th component is b *)
Lemma slice_sum (I : finType) (A : I -> finType) (i : I) (b : A i) (g : forall j, A j -> R) :
  \sum_(a : joint_action A | a i == b) \prod_j g j (a j)
  = g i b * \prod_(j | j != i) (\sum_(c : A j) g j c).
Proof.
pose h j (c : A j) : R := if j == i then (if Tagged A c == Tagged A b then g j c else 0) else g j c.
have hi c : h i c = (if c == b then 1 else 0) * g i c.
  by rewrite /h eqxx eq_Tagged; case: eqP => _; ring.
have hj j (c : A j) : j != i -> h j c = g j c by move=> /negbTE ne; rewrite /h ne.
have := prod_sum_distr h; rewrite (bigD1 i) //= (eq_bigr _ (fun c _ => hi c)) sum_pick.
rewrite (eq_bigr (fun j => \sum_(c : A j) g j c)) => [->|j ne]; last first.
  by apply: eq_bigr => c _; exact: hj.
rewrite big_mkcond /=; apply: eq_bigr => a _; rewrite [RHS](bigD1 i) //= hi.
case: eqP => Ea; last by ring.
rewrite (bigD1 i) //= Rmult_1_l; congr (_ * _); apply: eq_bigr => j ne; by rewrite hj.
Qed.

Section Lemma41.
Variables (I S : finType) (A : I -> finType).
Notation JA := (joint_action A).
Variables (pi : forall i : I, S -> A i -> R).      (* pi i s b = pi_i(b|s) *)
Variables (d : S -> R).                            (* d(s) *)
Variables (r dD : S * JA -> R) (alpha : R).

(* pi(a|s), pi_{-i}(a_{-i}|s) and d_i(s,a_i) *)
Definition joint_prob (s : S) (a : JA) : R := \prod_j pi s (a j).
Definition others_prob (i : I) (s : S) (a : JA) : R := \prod_(j | j != i) pi s (a j).
Definition agent_occupancy (i : I) (s : S) (b : A i) : R := d s * pi s b.

(* the objective of equation (2) for agent i, literally *)
Definition objective_2 (i : I) : R :=
  \sum_(x : S * JA) (agent_occupancy x.1 (x.2 i) * others_prob i x.1 x.2 * r x)
  - alpha * KL (fun x : S * JA => agent_occupancy x.1 (x.2 i) * others_prob i x.1 x.2) dD.

(* r~ of Lemma 4.1 as the main text prints it, and as Appendix D prints it *)
Definition modified_reward (x : S * JA) : R :=
  r x - alpha * ln (d x.1 * joint_prob x.1 x.2 / dD x).
Definition appendix_modified_reward (i : I) (x : S * JA) : R :=
  r x - alpha * ln (agent_occupancy x.1 (x.2 i) * joint_prob x.1 x.2 / dD x).

(* \sum_s d(s) H(pi_i(.|s)) *)
Definition conditional_entropy (i : I) : R :=
  \sum_s (d s * (\sum_(b : A i) (- (pi s b * ln (pi s b))))).

Lemma joint_split i s (a : JA) : agent_occupancy s (a i) * others_prob i s a = d s * joint_prob s a.
Proof. by rewrite /joint_prob (bigD1 i) //= /others_prob /agent_occupancy Rmult_assoc. Qed.

(* Lemma 4.1 (main text), right-hand side written out: it does not mention i.
   (Only algebra; it has the paper's meaning where d^D > 0 on the support of d pi.) *)
Theorem lemma_4_1 i :
  objective_2 i = \sum_(x : S * JA)
    (d x.1 * joint_prob x.1 x.2 * (r x - alpha * ln (d x.1 * joint_prob x.1 x.2 / dD x))).
Proof.
rewrite /objective_2 /KL -sum_scal -sum_sub; apply: eq_bigr => x _.
by rewrite joint_split; ring.
Qed.

(* Lemma 4.1 in the paper's form: (2)_i = \sum d_i(s,a_i) pi_{-i}(a_{-i}|s) r~(s,a) *)
Corollary lemma_4_1_modified_reward i :
  objective_2 i
  = \sum_(x : S * JA) (agent_occupancy x.1 (x.2 i) * others_prob i x.1 x.2 * modified_reward x).
Proof. by rewrite lemma_4_1; apply: eq_bigr => x _; rewrite joint_split. Qed.

(* Lemma 4.1, last sentence: "attains the same value for all agents" *)
Corollary lemma_4_1_common_value i j : objective_2 i = objective_2 j.
Proof. by rewrite !lemma_4_1. Qed.

(* ---- marginals: d_i is the (s, a_i)-marginal of d(s) pi(a|s) ---- *)
Hypothesis pi_sum1 : forall j s, \sum_(b : A j) pi s b = 1.

Lemma joint_prob_marginal i s b : \sum_(a : JA | a i == b) joint_prob s a = pi s b.
Proof.
rewrite (slice_sum b (fun j c => @pi j s c)) big1 ?Rmult_1_r // => j _; exact: pi_sum1.
Qed.

Lemma others_prob_sum1 i s (b : A i) : \sum_(a : JA | a i == b) others_prob i s a = 1.
Proof.
pose g j (c : A j) : R := if j == i then 1 else pi s c.
rewrite (eq_bigr (fun a : JA => \prod_j g j (a j))) => [|a _]; last first.
  rewrite (bigD1 i) //= {1}/g eqxx Rmult_1_l.
  by apply: eq_bigr => j /negbTE ne; rewrite /g ne.
rewrite slice_sum {1}/g eqxx big1 ?Rmult_1_r // => j ne.
by rewrite -[RHS](pi_sum1 j s); apply: eq_bigr => c _; rewrite /g (negbTE ne).
Qed.

Lemma agent_occupancy_is_marginal i s (b : A i) :
  agent_occupancy s b = \sum_(a : JA | a i == b) (d s * joint_prob s a).
Proof. by rewrite sum_scal joint_prob_marginal. Qed.

Lemma joint_prob_sum1 s : \sum_(a : JA) joint_prob s a = 1.
Proof.
rewrite /joint_prob -(prod_sum_distr (fun j c => @pi j s c)) big1 // => i _; exact: pi_sum1.
Qed.

Hypotheses (pi_ge0 : forall j s (b : A j), 0 <= pi s b) (d_ge0 : forall s, 0 <= d s)
           (dD_gt0 : forall x, 0 < dD x).

(* Lemma 4.1 as printed in Appendix D is wrong: with r~ = r - alpha ln (d_i(s,a_i) pi(a|s) / d^D),
   pi_i is counted twice, and the sum exceeds (2)_i by exactly alpha \sum_s d(s) H(pi_i(.|s)). *)
Theorem appendix_reward_gap i :
  \sum_(x : S * JA)
     (agent_occupancy x.1 (x.2 i) * others_prob i x.1 x.2 * appendix_modified_reward i x)
  = objective_2 i + alpha * conditional_entropy i.
Proof.
have E (x : S * JA) :
  agent_occupancy x.1 (x.2 i) * others_prob i x.1 x.2 * appendix_modified_reward i x
  = d x.1 * joint_prob x.1 x.2 * modified_reward x
    - alpha * (d x.1 * joint_prob x.1 x.2 * ln (pi x.1 (x.2 i))).
  rewrite joint_split /appendix_modified_reward /modified_reward.
  case: (Req_dec (d x.1 * joint_prob x.1 x.2) 0) => [->|Hn]; first by ring.
  have Hp0 : 0 <= joint_prob x.1 x.2 by apply: prod_ge0.
  have Hd : 0 < d x.1.
    by have := d_ge0 x.1; case: (Req_dec (d x.1) 0) => [E|]; [rewrite E in Hn; lra|lra].
  have Hpj : 0 < joint_prob x.1 x.2.
    by case: (Req_dec (joint_prob x.1 x.2) 0) => [E|]; [rewrite E in Hn; lra|lra].
  have Hpi : 0 < pi x.1 (x.2 i).
    have := pi_ge0 x.1 (x.2 i); case: (Req_dec (pi x.1 (x.2 i)) 0) => [E|]; last by lra.
    by move: Hpj; rewrite /joint_prob (bigD1 i) //= E; lra.
  rewrite /agent_occupancy !ln_div // ?ln_mult //; try by repeat apply: Rmult_lt_0_compat.
  by ring.
rewrite (eq_bigr _ (fun x _ => E x)) sum_sub sum_scal lemma_4_1.
rewrite -/(modified_reward _); set X := \sum_x _; set Y := \sum_x _.
have -> : Y = - conditional_entropy i.
  rewrite /Y /conditional_entropy -sum_opp.
  rewrite -(pair_bigA _ (fun s (a : JA) => d s * joint_prob s a * ln (pi s (a i)))) /=.
  apply: eq_bigr => s _.
  rewrite (partition_big (fun a : JA => a i) xpredT) //= sum_opp.
  rewrite Ropp_mult_distr_r Ropp_involutive -sum_scal; apply: eq_bigr => b _.
  rewrite (eq_bigr (fun a => d s * ln (pi s b) * joint_prob s a)) => [|a /eqP ->]; last by ring.
  by rewrite sum_scal joint_prob_marginal; ring.
by rewrite /X /modified_reward; ring.
Qed.
End Lemma41.
