(* The bound that the exact layer prints (alberdice.tabular.joint_bound): the joint dual in its logarithmic form (31), data with holes included.
   For every nu and every occupancy d, of a correlated policy too, that stays in the data,
       \sum d r - alpha KL(d || d^D)  <=  alpha ln \sum_{s,a} d^D exp(e_nu / alpha) + (1 - gamma) p_0 nu.
   What leaves the data has the objective -infinity (Holes.v).  At alpha = 0: JointDual.value_bounds_every_return. *)
From Coq Require Import Reals Lra.
From mathcomp Require Import all_ssreflect.
From AlberDICE Require Import RealSums Inequalities Lemma41 FrozenReward DualCertificate RegularisedLP BlockAscent Occupancy Holes.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Local Open Scope R_scope.

Section JointBound.
Variables (I S : finType) (A : I -> finType).
Notation SJA := (S * joint_action A)%type.
Variables (P : SJA -> S -> R) (p0 : S -> R) (gamma alpha : R) (r dD : SJA -> R).
Hypotheses (P1 : forall x, \sum_s P x s = 1) (p01 : \sum_s p0 s = 1) (g1 : gamma < 1) (alpha0 : 0 < alpha) (dD0 : forall x, 0 <= dD x).
Notation adv := (advantage (A := [finType of joint_action A]) P gamma r).
Definition log_dual (nu : S -> R) : R :=
  alpha * ln (\sum_(x : SJA) (dD x * exp (adv nu x / alpha))) + (1 - gamma) * (\sum_s (p0 s * nu s)).

Lemma flow_advantage nu d : flow P p0 gamma d ->
  \sum_(x : SJA) (d x * adv nu x) = \sum_(x : SJA) (d x * r x) - (1 - gamma) * (\sum_s (p0 s * nu s)).
Proof.
move=> F; pose out := \sum_(x : SJA) (d x * nu x.1); pose back := \sum_(x : SJA) (d x * (\sum_s (P x s * nu s))).
have -> : \sum_(x : SJA) (d x * adv nu x) = \sum_(x : SJA) (d x * r x) + gamma * back - out.
  rewrite (eq_bigr (fun x : SJA => d x * r x + gamma * (d x * (\sum_s (P x s * nu s))) - d x * nu x.1)) => [|x _].
    by rewrite sum_sub sum_add sum_scal.
  by have -> : adv nu x = r x + gamma * (\sum_s (P x s * nu s)) - nu x.1 by []; ring.
have O : out = \sum_s (nu s * (\sum_(a : joint_action A) d (s, a))).
  rewrite (eq_bigr (fun s => \sum_(a : joint_action A) (d (s, a) * nu s))) => [|s _]; last by rewrite sum_scalr Rmult_comm.
  by rewrite /out pair_bigA; apply: eq_bigr => -[].
have B : back = \sum_s (nu s * (\sum_(x : SJA) (P x s * d x))).
  rewrite (eq_bigr (fun s => \sum_(x : SJA) (d x * (P x s * nu s)))) => [|s _].
    by rewrite exchange_big; apply: eq_bigr => x _; rewrite sum_scal.
  by rewrite -sum_scal; apply: eq_bigr => x _; ring.
suff -> : out = (1 - gamma) * (\sum_s (p0 s * nu s)) + gamma * back by ring.
rewrite O B -!sum_scal -sum_add; apply: eq_bigr => s _; rewrite F; ring.
Qed.

Theorem joint_bound_holds nu d : flow P p0 gamma d -> (forall x, 0 <= d x) -> inside dD d ->
  joint_objective alpha r dD d <= log_dual nu.
Proof.
move=> F d0 ins; have mass : \sum_(x : SJA) d x = 1 by exact: flow_mass F.
pose q (x : SJA) := dD x * exp (adv nu x / alpha); set Z := \sum_(x : SJA) q x.
have q0 x : 0 <= q x by apply: Rmult_le_pos => //; apply: Rlt_le; exact: exp_pos.
have dq x : q x = 0 -> d x = 0.
  by move=> E; apply: ins; case: (Rmult_integral _ _ E) => // e; have := exp_pos (adv nu x / alpha); lra.
have Zp : 0 < Z.
  have Z0 : 0 <= Z by apply: sum_ge0.
  case: (Req_dec Z 0) => [E|]; last by lra.
  have : \sum_(x : SJA) d x = 0 by apply: big1 => x _; apply: dq; exact: (sum_eq0 q0 E).
  by rewrite mass; lra.
have term x : d x * adv nu x - alpha * (d x * ln (d x / dD x)) <= alpha * (d x * ln Z) + alpha * (q x / Z - d x).
  case: (Req_dec (d x) 0) => [->|dn].
    have : 0 <= q x / Z by apply: Rmult_le_pos => //; apply: Rlt_le; exact: Rinv_0_lt_compat.
    by move/(Rmult_le_compat_l alpha _ _ (Rlt_le _ _ alpha0)); rewrite /Rdiv !Rmult_0_l; lra.
  have dp : 0 < d x by have := d0 x; lra.
  have Dp : 0 < dD x by have := dD0 x; case: (Req_dec (dD x) 0) => [/ins|]; lra.
  have qp : 0 < q x by apply: Rmult_lt_0_compat => //; exact: exp_pos.
  have qz : 0 < q x / Z by exact: Rdiv_lt_0_compat.
  have G := Rmult_le_compat_l alpha _ _ (Rlt_le _ _ alpha0) (gibbs_term (d0 x) qz).
  have E : ln (d x / (q x / Z)) = ln (d x / dD x) - adv nu x / alpha + ln Z.
    by rewrite !ln_div // /q ln_mult ?ln_exp //; [ring|exact: exp_pos].
  rewrite E in G.
  have a : alpha * (d x * (ln (d x / dD x) - adv nu x / alpha + ln Z))
    = alpha * (d x * ln (d x / dD x)) - d x * adv nu x + alpha * (d x * ln Z) by field; lra.
  by rewrite a in G; lra.
have := sum_le (P := xpredT) (fun x _ => term x).
rewrite sum_sub sum_add !sum_scal sum_scalr sum_sub sum_scalr -/Z mass (flow_advantage nu F) /joint_objective /regularised /KL /log_dual.
have Zi : Z * / Z = 1 by apply: Rinv_r; lra.
have Ze : \sum_(x : SJA) (dD x * exp (adv nu x / alpha)) = Z by [].
rewrite Zi Ze; set lhs := \sum_(x : SJA) (d x * r x); set kl := \sum_(x : SJA) (d x * ln (d x / dD x)); lra.
Qed.

(* alpha = 0: the largest e_nu in place of the logarithm *)
Theorem joint_bound_at_zero nu d M : flow P p0 gamma d -> (forall x, 0 <= d x) -> (forall x, adv nu x <= M) ->
  \sum_(x : SJA) (d x * r x) <= M + (1 - gamma) * (\sum_s (p0 s * nu s)).
Proof.
move=> F d0 top; have mass : \sum_(x : SJA) d x = 1 by exact: flow_mass F.
have : \sum_(x : SJA) (d x * adv nu x) <= \sum_(x : SJA) (d x * M) by apply: sum_le => x _; exact: Rmult_le_compat_l.
by rewrite (flow_advantage nu F) sum_scalr mass; lra.
Qed.
End JointBound.

Theorem joint_bound_of_policies (I S : finType) (A : I -> finType) (G : mmdp S A) (alpha : R) (nu : S -> R) (x : joint_policy S A) :
  0 < alpha -> common_objective G alpha x <= log_dual (transition G) (initial G) (discount G) alpha (reward G) (data G) nu.
Proof.
move=> alpha0; have G0 y : 0 <= data G y by apply: Rlt_le; exact: data_gt0.
apply: joint_bound_holds; [exact: transition_sum1|exact: initial_sum1|exact: discount_lt1|exact: alpha0|exact: G0| | |].
- exact: joint_occupancy_flow.
- by move=> y; exact: joint_occupancy_ge0.
- by move=> y E; have := data_gt0 G y; lra.
Qed.
