(* The reduced MDP of agent i: equations (2)-(3) -> (4)-(8), and Corollary B.2 in the MMDP.

   Averaging over the other agents' policies gives a single-agent problem with
     kernel   Pbar(s'|s,a_i) = \sum_{a_-i} pi_-i(a_-i|s) P(s'|s,a),
     weights  d^D(s,a_i),
     reward   \sum_{a_-i} pi_-i(a_-i|s) ( r - alpha ln( pi_-i(a_-i|s) / pi^D_-i(a_-i|s,a_i) ) ),
   and agent i's LP over joint vectors IS the regularised LP of this problem (KL chain rule), so that
   the dual results of file DualCertificate apply to (2)-(3).

   Corollary B.2 compares the exact dual L(nu, w_star) of (21)-(22) with the population form of (14),
     alpha E_{d^D}[ rho exp(e^/alpha - 1) ] + (1-gamma) E_{p0} nu,
   where rho is the ratio (11), pi_-i(a_-i|s) / pi^D_-i(a_-i|s,a_i).  It holds with these weights.
   Display (23) prints pi^D_-i(a_-i|s) instead; with those weights the claim is false
   (CounterexamplesMMDP, part 6). *)
From Coq Require Import Reals Lra.
From mathcomp Require Import all_ssreflect.
From AlberDICE Require Import RealSums Inequalities Lemma41 DualObjective FrozenReward DualCertificate
  RegularisedLP.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Local Open Scope R_scope.

Section Reduced.
Variables (I S : finType) (A : I -> finType) (i : I).
Notation JA := (joint_action A).
Notation SJA := (S * JA)%type.
Notation SA := (S * A i)%type.
Variables (P : SJA -> S -> R) (p0 : S -> R) (gamma alpha : R) (r dD : SJA -> R)
  (pi : forall j : I, S -> A j -> R).
Hypotheses (dD0 : forall x, 0 < dD x)
  (pi0 : forall j s (b : A j), 0 <= pi s b) (pi1 : forall j s, \sum_(b : A j) pi s b = 1).
Notation pm := (others_prob pi i).

Lemma split_sum (g : SJA -> R) :
  \sum_(x : SJA) g x = \sum_(y : SA) (\sum_(a : JA | a i == y.2) g (y.1, a)).
Proof.
have -> : \sum_(x : SJA) g x = \sum_(s : S) (\sum_(a : JA) g (s, a)).
  by rewrite pair_bigA; apply: eq_bigr => -[s a] _.
have -> : \sum_(y : SA) (\sum_(a : JA | a i == y.2) g (y.1, a))
        = \sum_(s : S) (\sum_(b : A i) (\sum_(a : JA | a i == b) g (s, a))).
  by rewrite pair_bigA.
by apply: eq_bigr => s _; rewrite (partition_big (fun a : JA => a i) xpredT).
Qed.

(* d^D(s,a_i) *)
Definition data_marginal (y : SA) : R := \sum_(a : JA | a i == y.2) dD (y.1, a).
(* Pbar(s'|s,a_i) *)
Definition reduced_kernel (y : SA) (s' : S) : R :=
  \sum_(a : JA | a i == y.2) (pm y.1 a * P (y.1, a) s').
(* pi^D_-i(a_-i|s,a_i) *)
Definition data_conditional (x : SJA) : R := dD x / data_marginal (x.1, x.2 i).
(* rho_i of (11) *)
Definition importance_ratio (x : SJA) : R := pm x.1 x.2 / data_conditional x.
Definition reduced_reward (y : SA) : R :=
  \sum_(a : JA | a i == y.2) (pm y.1 a * (r (y.1, a) - alpha * ln (importance_ratio (y.1, a)))).
(* d_i(s,a_i) -> d_i(s,a_i) pi_-i(a_-i|s) *)
Definition lift (d : SA -> R) (x : SJA) : R := d (x.1, x.2 i) * pm x.1 x.2.

Lemma data_marginal_gt0 y : 0 < data_marginal y.
Proof.
case: (pickP (fun a : JA => a i == y.2)) => [a Ha|none].
  rewrite /data_marginal (bigD1 a) //=.
  by apply: Rplus_lt_le_0_compat => //; apply: sum_ge0 => c _; apply: Rlt_le; exact: dD0.
by have := others_prob_sum1 pi1 y.1 y.2; rewrite big_pred0 //; lra.
Qed.

Lemma others_prob_ge0 s a : 0 <= pm s a. Proof. exact: prod_ge0. Qed.

(* (2) is the regularised objective of the reduced MDP: the rearrangement (4) -> (5) *)
Theorem reduced_objective d : (forall y, 0 <= d y) ->
  joint_objective alpha r dD (lift d) = regularised reduced_reward data_marginal alpha d.
Proof.
move=> d0; pose t (x : SJA) : R := lift d x * r x - alpha * (lift d x * ln (lift d x / dD x)).
have -> : joint_objective alpha r dD (lift d) = \sum_(x : SJA) t x.
  by rewrite /joint_objective /regularised /KL -sum_scal -sum_sub.
rewrite split_sum /regularised /KL -sum_scal -sum_sub; apply: eq_bigr => -[s b] _ /=.
have -> : d (s, b) * reduced_reward (s, b) - alpha * (d (s, b) * ln (d (s, b) / data_marginal (s, b)))
  = \sum_(a : JA | a i == b) (d (s, b) * (pm s a * (r (s, a) - alpha * ln (importance_ratio (s, a))))
      - alpha * (d (s, b) * ln (d (s, b) / data_marginal (s, b))) * pm s a).
  by rewrite sum_sub !sum_scal (others_prob_sum1 pi1) /reduced_reward /=; ring.
apply: eq_bigr => a /eqP Ha; rewrite /t /lift /= Ha.
case: (Req_dec (d (s, b)) 0) => [->|dn]; first by ring.
case: (Req_dec (pm s a) 0) => [->|pn]; first by ring.
have dp : 0 < d (s, b) by have := d0 (s, b); lra.
have pp : 0 < pm s a by have := others_prob_ge0 s a; lra.
have mp := data_marginal_gt0 (s, b); have Dp := dD0 (s, a).
have Qp : 0 < data_conditional (s, a) by rewrite /data_conditional /= Ha; exact: Rdiv_lt_0_compat.
rewrite /importance_ratio /= !ln_div // ?ln_mult //; last by exact: Rmult_lt_0_compat.
by rewrite /= ?Ha; ring.
exact: data_marginal_gt0.
Qed.

(* (3) is the flow constraint of the reduced MDP *)
Theorem reduced_flow d : flow P p0 gamma (lift d) <-> flow_single reduced_kernel p0 gamma d.
Proof.
have L s' : \sum_(a : JA) lift d (s', a) = \sum_(b : A i) d (s', b).
  rewrite (partition_big (fun a : JA => a i) xpredT) //=; apply: eq_bigr => b _.
  rewrite (eq_bigr (fun a => d (s', b) * pm s' a)) => [|a /eqP Ha]; last by rewrite /lift /= Ha.
  by rewrite sum_scal (others_prob_sum1 pi1) Rmult_1_r.
have M s' : \sum_(x : SJA) (P x s' * lift d x) = \sum_(y : SA) (reduced_kernel y s' * d y).
  rewrite split_sum; apply: eq_bigr => -[s b] _ /=; rewrite /reduced_kernel -sum_scalr /=.
  by apply: eq_bigr => a /eqP Ha; rewrite /lift /= Ha; ring.
by split=> H s'; have := H s'; rewrite L M.
Qed.

(* optimality certificate for agent i's LP (2)-(3): if w = exp(e_nu/alpha - 1) makes d^D(s,a_i) w a
   stationary distribution of the reduced MDP, it solves (2)-(3), and the values agree *)
Hypothesis alpha0 : 0 < alpha.
Theorem LP_certificate nu
    (d := fun y => data_marginal y * exp (advantage reduced_kernel gamma reduced_reward nu y / alpha - 1)) :
  flow_single reduced_kernel p0 gamma d ->
  maximises (feasible P p0 gamma pi i) (joint_objective alpha r dD) (lift d)
  /\ joint_objective alpha r dD (lift d) = dual_objective reduced_kernel p0 gamma alpha reduced_reward data_marginal nu.
Proof.
move=> F; have d0 y : 0 <= d y.
  apply: Rmult_le_pos; first by have := data_marginal_gt0 y; lra.
  by have := exp_pos (advantage reduced_kernel gamma reduced_reward nu y / alpha - 1); lra.
have [E [opt _]] := @certificate S (A i) reduced_kernel p0 gamma alpha reduced_reward
  data_marginal alpha0 data_marginal_gt0 nu F.
split; last by rewrite reduced_objective.
split; first by exists (fun s b => d (s, b)); split=> //; apply/reduced_flow.
move=> d' [d_i [di0 E' F']]; pose d1 (y : SA) := d_i y.1 y.2.
have Ed x : d' x = lift d1 x by rewrite E'.
have F1 : flow_single reduced_kernel p0 gamma d1.
  apply/reduced_flow => s'; have := F' s'.
  rewrite (eq_bigr _ (fun a _ => Ed (s', a))) => ->.
  by congr (_ + _ * _); apply: eq_bigr => x _; rewrite Ed.
have -> : joint_objective alpha r dD d' = joint_objective alpha r dD (lift d1).
  by rewrite /joint_objective /regularised /KL; congr (_ - _ * _); apply: eq_bigr => x _; rewrite Ed.
rewrite !reduced_objective //; last by move=> y; exact: di0.
by apply: opt => // y; exact: di0.
Qed.

(* ---- Corollary B.2 in the MMDP ---- *)
Hypotheses (P0 : forall x s, 0 <= P x s) (P1 : forall x, \sum_s P x s = 1).
Notation exact_dual := (dual_objective reduced_kernel p0 gamma alpha reduced_reward data_marginal).

(* e^_nu(s,a,s') and the population form of (14), with a weight per sample in place of rho *)
Definition sample_advantage (nu : S -> R) (x : SJA) (s' : S) : R :=
  r x - alpha * ln (importance_ratio x) + gamma * nu s' - nu x.1.
Definition sample_dual (weight : SJA -> R) (nu : S -> R) : R :=
  alpha * (\sum_(x : SJA) (\sum_s'
     (dD x * P x s' * (weight x * exp (sample_advantage nu x s' / alpha - 1)))))
  + (1 - gamma) * (\sum_s (p0 s * nu s)).

(* a (s, a_i)-indexed family of weights over samples (a, s') *)
Let q (y : SA) (z : JA * S) : R := if z.1 i == y.2 then pm y.1 z.1 * P (y.1, z.1) z.2 else 0.
Let e nu (y : SA) (z : JA * S) : R := sample_advantage nu (y.1, z.1) z.2.

Let q_ge0 y z : 0 <= q y z.
Proof. rewrite /q; case: eqP => _; [apply: Rmult_le_pos => //; exact: others_prob_ge0|lra]. Qed.

Let sum_q y (g : JA * S -> R) :
  \sum_z (q y z * g z) = \sum_(a : JA | a i == y.2) (pm y.1 a * (\sum_s' (P (y.1, a) s' * g (a, s')))).
Proof.
have -> : \sum_z (q y z * g z) = \sum_(a : JA) (\sum_s' (q y (a, s') * g (a, s'))).
  by rewrite pair_bigA; apply: eq_bigr => -[a s'] _.
rewrite [RHS]big_mkcond; apply: eq_bigr => a _; rewrite /q /=; case: eqP => _.
  by rewrite -sum_scal; apply: eq_bigr => s' _; ring.
by rewrite big1 // => s' _; ring.
Qed.

Let q_sum1 y : \sum_z q y z = 1.
Proof.
rewrite (eq_bigr (fun z => q y z * 1)) => [|z _]; last by ring.
rewrite sum_q -[RHS](others_prob_sum1 pi1 y.1 y.2); apply: eq_bigr => a _.
by rewrite sum_scalr P1; ring.
Qed.

Let mean_e nu y : \sum_z (q y z * e nu y z) = advantage reduced_kernel gamma reduced_reward nu y.
Proof.
rewrite sum_q /advantage /reduced_reward.
have E (a : JA) : pm y.1 a * (\sum_s' (P (y.1, a) s' * e nu y (a, s')))
   = pm y.1 a * (r (y.1, a) - alpha * ln (importance_ratio (y.1, a)))
     + gamma * (\sum_s' (pm y.1 a * P (y.1, a) s' * nu s')) - pm y.1 a * nu y.1.
  have -> : \sum_s' (P (y.1, a) s' * e nu y (a, s'))
     = (r (y.1, a) - alpha * ln (importance_ratio (y.1, a)) - nu y.1) * (\sum_s' P (y.1, a) s')
       + gamma * (\sum_s' (P (y.1, a) s' * nu s')).
    by rewrite -!sum_scal -sum_add; apply: eq_bigr => s' _; rewrite /e /sample_advantage /=; ring.
  rewrite P1 (_ : \sum_s' (pm y.1 a * P (y.1, a) s' * nu s') = pm y.1 a * (\sum_s' (P (y.1, a) s' * nu s'))).
    by ring.
  by rewrite -sum_scal; apply: eq_bigr => s' _; ring.
rewrite (eq_bigr _ (fun a _ => E a)) sum_sub sum_add sum_scal sum_scalr (others_prob_sum1 pi1) exchange_big /=.
rewrite Rmult_1_l; congr (_ + gamma * _ - _); apply: eq_bigr => s' _; by rewrite -sum_scalr.
Qed.

Let sample_dual_split nu : sample_dual importance_ratio nu
  = \sum_y (data_marginal y * (\sum_z (q y z * (alpha * exp (e nu y z / alpha - 1)))))
    + (1 - gamma) * (\sum_s (p0 s * nu s)).
Proof.
rewrite /sample_dual -[alpha * _]sum_scal split_sum; congr (_ + _); apply: eq_bigr => -[s b] _ /=.
rewrite sum_q -sum_scal; apply: eq_bigr => a /eqP Ha /=.
rewrite -!sum_scal; apply: eq_bigr => s' _; rewrite /importance_ratio /data_conditional /e /= Ha.
have n1 := Rgt_not_eq _ _ (dD0 (s, a)); have n2 := Rgt_not_eq _ _ (data_marginal_gt0 (s, b)).
by set X := exp _; field; split.
Qed.

Let exact_dual_split nu : exact_dual nu
  = \sum_y (data_marginal y * (alpha * exp ((\sum_z (q y z * e nu y z)) / alpha - 1)))
    + (1 - gamma) * (\sum_s (p0 s * nu s)).
Proof.
rewrite /dual_objective -[alpha * _]sum_scal; congr (_ + _); apply: eq_bigr => y _.
by rewrite mean_e; ring.
Qed.

(* Corollary B.2, with the weights (11): L(nu, w_star) <= L(nu) *)
Theorem corollary_B_2_mmdp nu : exact_dual nu <= sample_dual importance_ratio nu.
Proof.
rewrite exact_dual_split sample_dual_split.
apply: (corollary_B_2 (m := data_marginal) (q := q)) => // y.
by apply: Rlt_le; exact: data_marginal_gt0.
Qed.

(* Corollary B.2, equality: "when the MDP transition and other agents' policy are deterministic" *)
Theorem corollary_B_2_mmdp_deterministic nu :
  (forall s a, pm s a = 0 \/ pm s a = 1) -> (forall x s', P x s' = 0 \/ P x s' = 1) ->
  exact_dual nu = sample_dual importance_ratio nu.
Proof.
move=> det_pi det_P; rewrite exact_dual_split sample_dual_split.
congr (_ + _); apply: eq_bigr => y _; congr (_ * _).
have q01 z : q y z = 0 \/ q y z = 1.
  rewrite /q; case: eqP => _; last by left.
  by case: (det_pi y.1 z.1) => ->; case: (det_P (y.1, z.1) z.2) => ->; [left|left|left|right]; ring.
have [z0 Hz] := indicator_of_01 q01 (q_sum1 y).
by apply: (@jensen_tight _ (q y) (e nu y) alpha z0) => z; exact: Hz.
Qed.

(* the weights printed in (23): pi^D_-i(a_-i|s), NOT conditioned on a_i *)
Definition data_others_marginal (x : SJA) : R :=
  (\sum_(a : JA | [forall j, (j != i) ==> (a j == x.2 j)]) dD (x.1, a)) / (\sum_(a : JA) dD (x.1, a)).
Definition printed_ratio (x : SJA) : R := pm x.1 x.2 / data_others_marginal x.
End Reduced.

