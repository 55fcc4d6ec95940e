(* Stationary distributions and their policies.

   1. For a Markov kernel K on a finite set, the discounted occupancy
          d(s) = (1 - gamma) \sum_t gamma^t Pr(s_t = s)
      exists (monotone iteration) and is the unique solution of the flow equation
          d(s') = (1 - gamma) p0(s') + gamma \sum_s d(s) K(s, s').
   2. The MMDP (agents I, states S, an own action set A i for every agent) and the factorised
      joint policies; d^pi(s) and d^pi(s,a) = d^pi(s) \prod_i pi_i(a_i|s).
   3. Deviations of agent i from pi correspond to the feasible points of agent i's LP (2)-(3), so
      "d_i solves the LP and pi_i is extracted from it, pi_i = d_i / \sum d_i" says the same as
      "pi_i maximises the common objective with the others fixed". *)
From Coq Require Import Reals Lra Arith.
From mathcomp Require Import all_ssreflect.
From AlberDICE Require Import RealSums Inequalities Limits Lemma41 FrozenReward RegularisedLP BlockAscent.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Local Open Scope R_scope.

(* ---------- 1. discounted occupancy of a Markov kernel ---------- *)
Section Chain.
Variables (S : finType) (K : S -> S -> R) (p0 : S -> R) (gamma : R).
Hypotheses (K0 : forall s s', 0 <= K s s') (K1 : forall s, \sum_s' K s s' = 1)
  (p00 : forall s, 0 <= p0 s) (p01 : \sum_s p0 s = 1) (g0 : 0 <= gamma) (g1 : gamma < 1).

Definition bellman (d : S -> R) (s' : S) : R :=
  (1 - gamma) * p0 s' + gamma * (\sum_s (d s * K s s')).
Fixpoint occupancy_iter (k : nat) : S -> R := if k is k'.+1 then bellman (occupancy_iter k') else fun _ => 0.

Lemma bellman_mono d d' : (forall s, d s <= d' s) -> forall s, bellman d s <= bellman d' s.
Proof.
move=> H s'; apply: Rplus_le_compat_l; apply: Rmult_le_compat_l => //.
by apply: sum_le => s _; apply: Rmult_le_compat_r.
Qed.

Lemma occupancy_iter_mono k s : occupancy_iter k s <= occupancy_iter k.+1 s.
Proof.
elim: k s => [|k IH] s /=; last exact: bellman_mono.
apply: Rplus_le_le_0_compat; apply: Rmult_le_pos => //; first by lra.
by apply: sum_ge0 => x _; lra.
Qed.

Lemma occupancy_iter_ge0 k s : 0 <= occupancy_iter k s.
Proof. elim: k => [|k IH] /=; first by lra. by have := occupancy_iter_mono k s => /=; lra. Qed.

Lemma bellman_mass d : \sum_s' bellman d s' = (1 - gamma) + gamma * (\sum_s d s).
Proof.
rewrite /bellman sum_add !sum_scal p01 exchange_big /=.
rewrite (eq_bigr d) => [|s _]; first by ring.
by rewrite sum_scal K1; ring.
Qed.

Lemma occupancy_iter_mass k : \sum_s occupancy_iter k s <= 1.
Proof.
elim: k => [|k IH]; first by rewrite sum_const /=; lra.
have -> : \sum_s occupancy_iter k.+1 s = \sum_s bellman (occupancy_iter k) s by [].
rewrite bellman_mass; have : gamma * (\sum_s occupancy_iter k s) <= gamma * 1 by exact: Rmult_le_compat_l.
lra.
Qed.

Lemma occupancy_iter_cv s : { l | Un_cv (fun k => occupancy_iter k s) l }.
Proof.
apply: growing_cv; first by move=> k; exact: occupancy_iter_mono.
exists 1 => _ [k ->]; apply: Rle_trans (occupancy_iter_mass k); apply: sum_ge_term => x; exact: occupancy_iter_ge0.
Qed.

Definition occupancy (s : S) : R := proj1_sig (occupancy_iter_cv s).
Lemma occupancy_cv s : Un_cv (fun k => occupancy_iter k s) (occupancy s).
Proof. exact: proj2_sig (occupancy_iter_cv s). Qed.

Theorem occupancy_flow s' : occupancy s' = bellman occupancy s'.
Proof.
apply: (UL_sequence (fun k => occupancy_iter k.+1 s')).
  by move=> e e0; case: (occupancy_cv s' e0) => N HN; exists N => n Hn; apply: HN; apply: le_S.
rewrite /bellman; apply: CV_plus; first exact: Un_cv_const.
apply: CV_mult; first exact: Un_cv_const.
apply: Un_cv_sum => s; apply: CV_mult; [exact: occupancy_cv|exact: Un_cv_const].
Qed.

Theorem occupancy_ge0 s : 0 <= occupancy s.
Proof.
apply: (Un_cv_le (f := fun _ => 0) (g := fun k => occupancy_iter k s)); last exact: occupancy_cv.
  by move=> k; exact: occupancy_iter_ge0.
exact: Un_cv_const.
Qed.

Theorem occupancy_unique d : (forall s', d s' = bellman d s') -> forall s, d s = occupancy s.
Proof.
move=> H; pose del s := Rabs (d s - occupancy s).
have le s' : del s' <= gamma * (\sum_s (del s * K s s')).
  rewrite /del H occupancy_flow /bellman.
  have -> : (1 - gamma) * p0 s' + gamma * (\sum_s (d s * K s s')) -
            ((1 - gamma) * p0 s' + gamma * (\sum_s (occupancy s * K s s')))
          = gamma * (\sum_s ((d s - occupancy s) * K s s')).
    have -> : \sum_s ((d s - occupancy s) * K s s') = \sum_s (d s * K s s') - \sum_s (occupancy s * K s s').
      by rewrite -sum_sub; apply: eq_bigr => s _; ring.
    by ring.
  rewrite Rabs_mult (Rabs_pos_eq gamma) //; apply: Rmult_le_compat_l => //.
  elim/big_ind2: _ => [|a b a' b' A B|s _]; first by rewrite Rabs_R0; lra.
    by apply: Rle_trans (Rabs_triang _ _) _; lra.
  by rewrite Rabs_mult (Rabs_pos_eq (K s s')) //; lra.
have tot : \sum_s del s <= gamma * (\sum_s del s).
  apply: Rle_trans (sum_le (fun s' _ => le s')) _.
  rewrite sum_scal exchange_big /=; apply: Rmult_le_compat_l => //.
  by apply: sum_le => s _; rewrite sum_scal K1; lra.
have nn s : 0 <= del s by exact: Rabs_pos.
have z : \sum_s del s = 0.
  have := sum_ge0 (P := xpredT) (fun s _ => nn s).
  have : (1 - gamma) * (\sum_s del s) <= (1 - gamma) * 0 by lra.
  by move/Rmult_le_reg_l => L1 L2; apply: Rle_antisym => //; apply: L1; lra.
move=> s; have := sum_eq0 nn z s; rewrite /del => E.
by apply: Rminus_diag_uniq; case: (Req_dec (d s - occupancy s) 0) => // /Rabs_no_R0.
Qed.
(* Pr(s_t = s) under the kernel K, started from p0 *)
Fixpoint state_prob (t : nat) : S -> R :=
  if t is t'.+1 then fun s' => \sum_s (state_prob t' s * K s s') else p0.

Lemma occupancy_iter_is_partial_sum n s :
  occupancy_iter n s = (1 - gamma) * (\big[Rplus/0]_(t < n) (gamma ^ t * state_prob t s)).
Proof.
elim: n s => [|n IH] s; first by rewrite big_ord0 /=; ring.
rewrite big_ord_recl /= /bellman Rmult_plus_distr_l Rmult_1_l; congr (_ + _).
have E (t : 'I_n) : gamma ^ bump 0 t * state_prob (bump 0 t) s
  = gamma * (\sum_s' (gamma ^ t * state_prob t s' * K s' s)).
  have -> : gamma ^ bump 0 t * state_prob (bump 0 t) s
     = gamma * gamma ^ t * (\sum_s' (state_prob t s' * K s' s)) by [].
  by rewrite Rmult_assoc -sum_scal; congr (_ * _); apply: eq_bigr => s' _; ring.
rewrite (eq_bigr _ (fun t _ => E t)) sum_scal exchange_big /=.
rewrite (eq_bigr (fun s' => (1 - gamma) * (\big[Rplus/0]_(t < n) (gamma ^ t * state_prob t s' * K s' s)))).
  by rewrite sum_scal -!Rmult_assoc (Rmult_comm gamma).
by move=> s' _; rewrite IH Rmult_assoc -big_distrl.
Qed.

(* the paper's definition of the stationary distribution,
   d(s) = (1 - gamma) \sum_t gamma^t Pr(s_t = s) *)
Theorem occupancy_is_discounted_sum s :
  Un_cv (fun n => (1 - gamma) * (\big[Rplus/0]_(t < n) (gamma ^ t * state_prob t s))) (occupancy s).
Proof.
by apply: (Un_cv_ext _ (occupancy_cv s)) => n; rewrite occupancy_iter_is_partial_sum.
Qed.
End Chain.

(* ---------- 2. the MMDP and its factorised joint policies ---------- *)
(* An MMDP with its data distribution d^D.  d^D > 0 everywhere is assumed: where d^D = 0 the
   objective (2) is -infinity for every d that charges the point (Counterexamples, part 9). *)
Record mmdp (I S : finType) (A : I -> finType) := MMDP {
  transition : S * joint_action A -> S -> R;
  initial : S -> R;
  discount : R;
  reward : S * joint_action A -> R;
  data : S * joint_action A -> R;
  transition_ge0 : forall x s, 0 <= transition x s;
  transition_sum1 : forall x, \sum_s transition x s = 1;
  initial_ge0 : forall s, 0 <= initial s;
  initial_sum1 : \sum_s initial s = 1;
  discount_ge0 : 0 <= discount;
  discount_lt1 : discount < 1;
  data_gt0 : forall x, 0 < data x }.

Section Policies.
Variables (I S : finType) (A : I -> finType).
Notation JA := (joint_action A).
Notation SJA := (S * JA)%type.
Variables (G : mmdp S A) (alpha : R).
Notation P := (transition G).
Notation p0 := (initial G).
Notation gamma := (discount G).

(* policies of one agent, and joint policies: factorised by construction *)
Definition is_policy i (p : S -> A i -> R) : Prop :=
  (forall s b, 0 <= p s b) /\ (forall s, \sum_b p s b = 1).
Definition policy i : Type := { p : S -> A i -> R | is_policy p }.
Definition joint_policy : Type := forall i : I, policy i.
Definition prob (x : joint_policy) : forall i, S -> A i -> R := fun i => proj1_sig (x i).
Definition same_policy i (p q : policy i) : Prop := forall s b, proj1_sig p s b = proj1_sig q s b.

Lemma prob_ge0 x i s b : 0 <= @prob x i s b.
Proof. by case: (proj2_sig (x i)) => H _; exact: H. Qed.
Lemma prob_sum1 x i s : \sum_b @prob x i s b = 1.
Proof. by case: (proj2_sig (x i)) => _ H; exact: H. Qed.
Lemma prob_le1 x i s b : @prob x i s b <= 1.
Proof. rewrite -(prob_sum1 x i s); apply: sum_ge_term => c; exact: prob_ge0. Qed.
Lemma same_policy_refl i (p : policy i) : same_policy p p. Proof. by []. Qed.
Lemma same_policy_trans i (p q u : policy i) : same_policy p q -> same_policy q u -> same_policy p u.
Proof. by move=> H K s b; rewrite H K. Qed.

(* the state-to-state kernel of a joint policy *)
Definition policy_kernel (x : joint_policy) (s s' : S) : R :=
  \sum_(a : JA) (joint_prob (prob x) s a * P (s, a) s').
Lemma joint_prob_ge0 x s a : 0 <= joint_prob (prob x) s a.
Proof. by apply: prod_ge0 => i _; exact: prob_ge0. Qed.
Lemma policy_kernel_ge0 x s s' : 0 <= policy_kernel x s s'.
Proof.
by apply: sum_ge0 => a _; apply: Rmult_le_pos; [exact: joint_prob_ge0|exact: transition_ge0].
Qed.
Lemma policy_kernel_sum1 x s : \sum_s' policy_kernel x s s' = 1.
Proof.
rewrite /policy_kernel exchange_big /= -[RHS](joint_prob_sum1 (prob_sum1 x) s).
by apply: eq_bigr => a _; rewrite sum_scal transition_sum1; ring.
Qed.

(* d^pi(s) and d^pi(s,a) *)
Definition state_occupancy (x : joint_policy) : S -> R :=
  occupancy (policy_kernel_ge0 x) (policy_kernel_sum1 x)
    (initial_ge0 G) (initial_sum1 G) (discount_ge0 G) (discount_lt1 G).
Definition joint_occupancy (x : joint_policy) (y : SJA) : R :=
  state_occupancy x y.1 * joint_prob (prob x) y.1 y.2.

Lemma state_occupancy_ge0 x s : 0 <= state_occupancy x s.
Proof. exact: occupancy_ge0. Qed.
Lemma joint_occupancy_ge0 x y : 0 <= joint_occupancy x y.
Proof. apply: Rmult_le_pos; [exact: occupancy_ge0|exact: joint_prob_ge0]. Qed.

(* d(s) pi(a|s) is a flow iff d = d^pi *)
Lemma flow_state x (ds : S -> R) :
  flow P p0 gamma (fun y : SJA => ds y.1 * joint_prob (prob x) y.1 y.2)
  <-> forall s', ds s' = bellman (policy_kernel x) p0 gamma ds s'.
Proof.
have L s' : \sum_(a : JA) (ds s' * joint_prob (prob x) s' a) = ds s'.
  by rewrite sum_scal (joint_prob_sum1 (prob_sum1 x)) Rmult_1_r.
have M s' : \sum_(y : SJA) (P y s' * (ds y.1 * joint_prob (prob x) y.1 y.2)) = \sum_s (ds s * policy_kernel x s s').
  have Q s : ds s * policy_kernel x s s' = \sum_(a : JA) (P (s, a) s' * (ds s * joint_prob (prob x) s a)).
    by rewrite /policy_kernel -sum_scal; apply: eq_bigr => a _; ring.
  by rewrite (eq_bigr _ (fun s _ => Q s)) pair_bigA; apply: eq_bigr => -[s a] _.
by split=> H s'; move: (H s'); rewrite /bellman /= L M.
Qed.

Lemma joint_occupancy_flow x : flow P p0 gamma (joint_occupancy x).
Proof. by apply/flow_state => s'; exact: occupancy_flow. Qed.

Lemma joint_occupancy_unique x ds : flow P p0 gamma (fun y : SJA => ds y.1 * joint_prob (prob x) y.1 y.2) ->
  forall y, ds y.1 * joint_prob (prob x) y.1 y.2 = joint_occupancy x y.
Proof. by move/flow_state => H y; rewrite /joint_occupancy /state_occupancy -(occupancy_unique _ _ _ _ _ _ H). Qed.

(* the common objective: (2) at d^pi, for whichever agent *)
Definition common_objective (x : joint_policy) : R :=
  joint_objective alpha (reward G) (data G) (joint_occupancy x).

Lemma joint_objective_ext (d d' : SJA -> R) : (forall y, d y = d' y) ->
  joint_objective alpha (reward G) (data G) d
  = joint_objective alpha (reward G) (data G) d'.
Proof.
by move=> H; rewrite /joint_objective /regularised /KL; congr (_ - _ * _); apply: eq_bigr => y _; rewrite H.
Qed.

(* equation (2) of every agent, at d^pi *)
Lemma common_objective_is_objective_2 x i :
  common_objective x = objective_2 (prob x) (state_occupancy x) (reward G) (data G) alpha i.
Proof. exact: joint_objective_is_objective_2. Qed.

Lemma joint_occupancy_ext (x y : joint_policy) : (forall i, same_policy (x i) (y i)) ->
  forall z, joint_occupancy x z = joint_occupancy y z.
Proof.
move=> H z; have E s a : joint_prob (prob x) s a = joint_prob (prob y) s a by apply: eq_bigr => i _; exact: H.
rewrite {1}/joint_occupancy E; apply: joint_occupancy_unique => s'; have := joint_occupancy_flow x s'.
rewrite (eq_bigr (fun a => state_occupancy x (s', a).1 * joint_prob (prob y) (s', a).1 (s', a).2))
  => [->|a _]; last first.
  by rewrite /joint_occupancy /= E.
by congr (_ + _ * _); apply: eq_bigr => w _; rewrite /joint_occupancy E.
Qed.

Lemma common_objective_ext (x y : joint_policy) : (forall i, same_policy (x i) (y i)) ->
  common_objective x = common_objective y.
Proof. by move=> H; apply: joint_objective_ext; exact: joint_occupancy_ext. Qed.

(* deviations of agent i = feasible points of agent i's LP *)
Lemma others_prob_deviate (x : joint_policy) i (p : policy i) s a :
  others_prob (prob (@deviate I policy x i p)) i s a = others_prob (prob x) i s a.
Proof.
by apply: eq_bigr => j /eqP N; rewrite /prob deviate_other // => E; apply: N.
Qed.

Lemma prob_deviate (x : joint_policy) i (p : policy i)  :
  @prob (@deviate I policy x i p) i = proj1_sig p.
Proof. by rewrite /prob deviate_same. Qed.

Lemma deviation_is_feasible x i (p : policy i) :
  feasible P p0 gamma (prob x) i (joint_occupancy (@deviate I policy x i p)).
Proof.
set y := deviate _ _; exists (fun s b => state_occupancy y s * proj1_sig p s b); split.
- by move=> s b; apply: Rmult_le_pos; [exact: occupancy_ge0|case: (proj2_sig p) => H _; exact: H].
- move=> z; rewrite /joint_occupancy /joint_prob (bigD1 i) //= -/(others_prob (prob y) i z.1 z.2).
  by rewrite others_prob_deviate prob_deviate; ring.
- exact: joint_occupancy_flow.
Qed.

Lemma feasible_is_deviation x i d : feasible P p0 gamma (prob x) i d ->
  exists p : policy i, forall y, d y = joint_occupancy (@deviate I policy x i p) y.
Proof.
case=> d_i [H0 E F]; pose ds s := \sum_b d_i s b.
pose p s b := if Req_EM_T (ds s) 0 then @prob x i s b else d_i s b / ds s.
have ds0 s : 0 <= ds s by apply: sum_ge0 => b _; exact: H0.
have Hp : is_policy p.
  split=> [s b|s]; rewrite /p; case: Req_EM_T => N.
  - exact: prob_ge0.
  - by apply: Rmult_le_pos => //; have := ds0 s => ?; apply: Rlt_le; apply: Rinv_0_lt_compat; lra.
  - exact: prob_sum1.
  - by rewrite /Rdiv sum_scalr; exact: Rinv_r.
have Ep s b : d_i s b = ds s * p s b.
  rewrite /p; case: Req_EM_T => N /=; last first.
    by rewrite /Rdiv (Rmult_comm (d_i s b)) -Rmult_assoc Rinv_r // Rmult_1_l.
  have -> : d_i s b = 0 by apply: (sum_eq0 (f := d_i s)) => // b'; exact: H0.
  by move=> /=; rewrite {1}N Rmult_0_l.
exists (exist _ p Hp) => y; set z := deviate _ _.
have D w : d w = ds w.1 * joint_prob (prob z) w.1 w.2.
  rewrite E Ep /joint_prob (bigD1 i) //= -/(others_prob (prob z) i w.1 w.2) others_prob_deviate prob_deviate /=; ring.
rewrite D; apply: joint_occupancy_unique => s'; have := F s'.
rewrite (eq_bigr _ (fun a _ => D (s', a))) => ->.
by congr (_ + _ * _); apply: eq_bigr => w _; rewrite D.
Qed.

(* "agent i has no better deviation" = "d^pi solves agent i's regularised LP (2)-(3)" *)
Theorem block_optimal_iff_LP (x : joint_policy) i :
  @block_optimal I policy common_objective x i <->
  maximises (feasible P p0 gamma (prob x) i) (joint_objective alpha (reward G) (data G)) (joint_occupancy x).
Proof.
have self y : joint_occupancy (@deviate I policy x i (x i)) y = joint_occupancy x y.
  by apply: joint_occupancy_ext => j; rewrite /deviate; case: eqP => [e|//]; case: _ / e.
split=> [H|[_ H] p]; last by apply: H; exact: deviation_is_feasible.
split.
  have [d_i [H0 E F]] := deviation_is_feasible x (x i); exists d_i; split=> //.
    by move=> y; rewrite -self.
  by exact: joint_occupancy_flow.
by move=> d /feasible_is_deviation[p Ed]; rewrite (joint_objective_ext Ed); exact: H.
Qed.

(* ---------- 3. one update of AlberDICE, in the paper's terms ---------- *)
(* agent i solves the regularised LP (2)-(3) against the others' policies in x, and extracts
   p = d_i / \sum d_i wherever that quotient is defined (elsewhere p is any policy) *)
Definition LP_update (x : joint_policy) i (p : policy i) : Prop :=
  exists d_i : S -> A i -> R, [/\ forall s b, 0 <= d_i s b,
    maximises (feasible P p0 gamma (prob x) i) (joint_objective alpha (reward G) (data G))
      (fun y : SJA => d_i y.1 (y.2 i) * others_prob (prob x) i y.1 y.2) &
    forall s b, \sum_c d_i s c <> 0 -> proj1_sig p s b = d_i s b / \sum_c d_i s c].

Lemma maximises_ext (C : (SJA -> R) -> Prop) (d d' : SJA -> R) :
  (C d -> C d') -> (forall y, d y = d' y) ->
  maximises C (joint_objective alpha (reward G) (data G)) d ->
  maximises C (joint_objective alpha (reward G) (data G)) d'.
Proof. by move=> H E [Cd M]; split=> [|d1 /M]; [exact: H|rewrite (joint_objective_ext E)]. Qed.

Lemma joint_occupancy_deviate x i (p : policy i) (y : SJA) (z := @deviate I policy x i p) :
  joint_occupancy z y = state_occupancy z y.1 * proj1_sig p y.1 (y.2 i) * others_prob (prob x) i y.1 y.2.
Proof.
rewrite /joint_occupancy /joint_prob (bigD1 i) //= -/(others_prob (prob z) i y.1 y.2).
by rewrite others_prob_deviate prob_deviate; ring.
Qed.

(* the update of the paper is exactly a best response for the common objective *)
Theorem LP_update_iff_best_response (x : joint_policy) i (p : policy i) :
  LP_update x p <-> @best_response I policy common_objective x i p.
Proof.
set z := @deviate I policy x i p; split=> [[d_i [d0 [F M] ext]] q|B].
  have sp s : \sum_b proj1_sig p s b = 1 by case: (proj2_sig p).
  pose ds s := \sum_b d_i s b.
  have Ep s b : d_i s b = ds s * proj1_sig p s b.
    case: (Req_dec (ds s) 0) => N.
      have Z := sum_eq0 (d0 s) N b; rewrite Z N; ring.
    rewrite ext //; rewrite -/(ds s); field; exact: N.
  have E (y : SJA) : d_i y.1 (y.2 i) * others_prob (prob x) i y.1 y.2 = joint_occupancy z y.
    have D (w : SJA) : d_i w.1 (w.2 i) * others_prob (prob x) i w.1 w.2
             = ds w.1 * joint_prob (prob z) w.1 w.2.
      rewrite Ep /joint_prob (bigD1 i) //= -/(others_prob (prob z) i w.1 w.2).
      by rewrite others_prob_deviate prob_deviate; ring.
    rewrite D; apply: joint_occupancy_unique => s'; have [_ [_ _ F3]] := F; have := F3 s'.
    rewrite (eq_bigr _ (fun a _ => D (s', a))) => ->.
    by congr (_ + _ * _); apply: eq_bigr => w _; rewrite D.
  have := M _ (deviation_is_feasible x q).
  by rewrite (joint_objective_ext E).
exists (fun s b => state_occupancy z s * proj1_sig p s b); split.
- by move=> s b; apply: Rmult_le_pos; [exact: state_occupancy_ge0|case: (proj2_sig p) => H _; exact: H].
- have E (y : SJA) : joint_occupancy z y
      = state_occupancy z y.1 * proj1_sig p y.1 (y.2 i) * others_prob (prob x) i y.1 y.2.
    exact: joint_occupancy_deviate.
  apply: (@maximises_ext _ (joint_occupancy z)) => //.
    case=> di [H1 H2 H3]; exists (fun s b => state_occupancy z s * proj1_sig p s b); split=> //.
      by move=> s b; apply: Rmult_le_pos; [exact: state_occupancy_ge0|case: (proj2_sig p) => H _; exact: H].
    move=> s'; have := H3 s'; rewrite (eq_bigr _ (fun a _ => E (s', a))) => ->.
    by congr (_ + _ * _); apply: eq_bigr => w _; rewrite E.
  split; first exact: deviation_is_feasible.
  by move=> d /feasible_is_deviation[q Eq]; rewrite (joint_objective_ext Eq); exact: B.
- have sp s : \sum_b proj1_sig p s b = 1 by case: (proj2_sig p).
  move=> s b; rewrite sum_scal sp Rmult_1_r => N; field; exact: N.
Qed.

(* a run of AlberDICE: at step t agent (who t) updates by (2)-(3), the others keep their policies *)
Definition alberdice_run (x : nat -> joint_policy) (who : nat -> I) : Prop :=
  forall t, exists p : policy (who t), LP_update (x t) p
    /\ forall j, same_policy (x t.+1 j) (@deviate I policy (x t) (who t) p j).

Lemma alberdice_run_best_responds x who : alberdice_run x who ->
  forall t, @step_ok I policy common_objective same_policy x who t.
Proof. by move=> run t; have [p [/LP_update_iff_best_response B E]] := run t; exists p. Qed.

(* Corollary 4.3: every iterate is factorisable, and so is the joint policy read off d^pi.
   By construction: the iterates ARE families of individual policies. *)
Theorem corollary_4_3 (x : nat -> joint_policy) t :
  exists pi : forall i, S -> A i -> R, (forall i, is_policy (pi i)) /\
    forall s (a : JA), state_occupancy (x t) s <> 0 ->
      joint_occupancy (x t) (s, a) / (\sum_(c : JA) joint_occupancy (x t) (s, c)) = \prod_i pi i s (a i).
Proof.
exists (prob (x t)); split=> [i|s a N]; first by split; [exact: prob_ge0|exact: prob_sum1].
have -> : \sum_(c : JA) joint_occupancy (x t) (s, c) = state_occupancy (x t) s.
  by rewrite /joint_occupancy /= sum_scal (joint_prob_sum1 (prob_sum1 (x t))) Rmult_1_r.
by rewrite /joint_occupancy /= /joint_prob; field.
Qed.
End Policies.

Arguments prob {I S A} x i s b.
