(* The extraction and the fitted parts of Algorithm 1, as population problems.

   1. (15)-(16), (36)-(41), (48): at each state E_{pi_i}[-e/alpha] + KL(pi_i || pi_i^D) is least, and only there, at
      pi_i^D exp(e/alpha) / Z; (36) is that divergence, d^D(s)-weighted, with the constants written out.
   2. With e = e_nu of a certified nu it is the extraction of (2)-(3)'s solution: one update of Algorithm 1 with exact solves is a best response.
   3. (9), (42), (44), (45): the log-likelihood is largest at the data's conditional distribution.
   4. (43), (47): squared error is least at the conditional mean; the conservative term is least where softmax(e) is the data's policy. *)
From Coq Require Import Reals Lra.
From mathcomp Require Import all_ssreflect.
From AlberDICE Require Import RealSums Inequalities Limits Lemma41 DualObjective FrozenReward DualCertificate RegularisedLP ReducedMDP
  BlockAscent Occupancy.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Local Open Scope R_scope.

(* ---------- 1. the I-projection ---------- *)
Section Projection.
Variables (S B : finType) (weight : S -> R) (piD e : S -> B -> R) (alpha : R).
Hypotheses (alpha0 : 0 < alpha) (weight0 : forall s, 0 <= weight s) (piD0 : forall s b, 0 < piD s b) (B0 : (0 < #|B|)%nat).
Definition normaliser (s : S) : R := \sum_b (piD s b * exp (e s b / alpha)).
Definition projection (s : S) (b : B) : R := piD s b * exp (e s b / alpha) / normaliser s.
Definition is_distribution (p : S -> B -> R) : Prop := (forall s b, 0 <= p s b) /\ forall s, \sum_b p s b = 1.
(* (41) and (48) *)
Definition loss_41 (p : S -> B -> R) : R := \sum_s (weight s * (\sum_b (p s b * - (e s b / alpha)) + KL (p s) (piD s))).
Definition loss_48 (p : S -> B -> R) : R := \sum_s (weight s * (\sum_b (p s b * (- e s b + alpha * ln (p s b / piD s b))))).

Lemma normaliser_gt0 s : 0 < normaliser s.
Proof.
have t b : 0 < piD s b * exp (e s b / alpha) by apply: Rmult_lt_0_compat => //; exact: exp_pos.
by case/card_gt0P: B0 => b _; apply: (@sum_gt0 _ _ b) => // c; have := t c; lra.
Qed.
Lemma projection_gt0 s b : 0 < projection s b.
Proof.
apply: Rdiv_lt_0_compat; last exact: normaliser_gt0.
by apply: Rmult_lt_0_compat => //; exact: exp_pos.
Qed.
Lemma projection_sum1 s : \sum_b projection s b = 1.
Proof. by rewrite /projection /Rdiv sum_scalr; apply: Rinv_r; apply: Rgt_not_eq; exact: normaliser_gt0. Qed.

Lemma loss_at_state (q : B -> R) s : (forall b, 0 <= q b) -> \sum_b q b = 1 ->
  \sum_b (q b * - (e s b / alpha)) + KL q (piD s) = KL q (projection s) - ln (normaliser s).
Proof.
move=> q0 q1; have z0 := normaliser_gt0 s.
have -> : ln (normaliser s) = \sum_b (q b * ln (normaliser s)) by rewrite sum_scalr q1; ring.
rewrite /KL -sum_add -sum_sub; apply: eq_bigr => b _.
case: (Req_dec (q b) 0) => [->|qn]; first by rewrite !Rmult_0_l; ring.
have qp : 0 < q b by have := q0 b; lra.
have x0 := exp_pos (e s b / alpha); have m0 := piD0 s b.
rewrite /projection !ln_div ?ln_mult ?ln_exp //; try ring; first exact: Rmult_lt_0_compat.
by apply: Rdiv_lt_0_compat => //; exact: Rmult_lt_0_compat.
Qed.

Theorem loss_48_is_alpha_loss_41 p : loss_48 p = alpha * loss_41 p.
Proof.
rewrite /loss_48 /loss_41 -sum_scal; apply: eq_bigr => s _; rewrite /KL -sum_add.
have -> : \sum_b (p s b * (- e s b + alpha * ln (p s b / piD s b)))
  = alpha * (\sum_b (p s b * - (e s b / alpha) + p s b * ln (p s b / piD s b))).
  by rewrite -sum_scal; apply: eq_bigr => b _; field; lra.
ring.
Qed.

(* (41), (48): what any other policy pays is its divergence from the projection *)
Theorem loss_41_is_a_divergence p : is_distribution p ->
  loss_41 p = \sum_s (weight s * KL (p s) (projection s)) - \sum_s (weight s * ln (normaliser s)).
Proof.
case=> p0 p1; rewrite /loss_41 -sum_sub; apply: eq_bigr => s _.
by rewrite (loss_at_state s (p0 s) (p1 s)); ring.
Qed.

Lemma KL_from_projection (q : B -> R) s : (forall b, 0 <= q b) -> \sum_b q b = 1 -> 0 <= KL q (projection s).
Proof.
move=> q0 q1; have -> : 0 = \sum_b (q b - projection s b) by rewrite sum_sub q1 projection_sum1; lra.
by apply: sum_le => b _; apply: gibbs_term => //; exact: projection_gt0.
Qed.
Lemma KL_projection_self s : KL (projection s) (projection s) = 0.
Proof.
apply: big1 => b _; have p0 := projection_gt0 s b.
by have -> : projection s b / projection s b = 1 by [field; lra]; rewrite ln_1; ring.
Qed.

Theorem projection_minimises_41 p : is_distribution p -> loss_41 projection <= loss_41 p.
Proof.
move=> dp; have [p0 p1] := dp; rewrite !loss_41_is_a_divergence //; last first.
  by split=> [s b|s]; [apply: Rlt_le; exact: projection_gt0|exact: projection_sum1].
apply: Rplus_le_compat_r; apply: sum_le => s _; apply: Rmult_le_compat_l => //.
by rewrite KL_projection_self; exact: KL_from_projection.
Qed.

(* ... and at the states with data nothing else does *)
Theorem projection_is_the_only_minimiser p : is_distribution p -> loss_41 p = loss_41 projection ->
  forall s, 0 < weight s -> forall b, p s b = projection s b.
Proof.
move=> dp; have [p0 p1] := dp; rewrite !loss_41_is_a_divergence //; last first.
  by split=> [s b|s]; [apply: Rlt_le; exact: projection_gt0|exact: projection_sum1].
have -> : \sum_s (weight s * KL (projection s) (projection s)) = 0.
  by apply: big1 => s _; rewrite KL_projection_self; ring.
move=> E s w0 b; have T z : 0 <= weight z * KL (p z) (projection z).
  by apply: Rmult_le_pos => //; exact: KL_from_projection.
have Z : weight s * KL (p s) (projection s) = 0 by apply: (sum_eq0 T); lra.
have K0 : KL (p s) (projection s) = 0 by case: (Rmult_integral _ _ Z); lra.
have G c : 0 <= p s c * ln (p s c / projection s c) - (p s c - projection s c).
  by have := gibbs_term (p0 s c) (projection_gt0 s c); lra.
have Z0 : \sum_c (p s c * ln (p s c / projection s c) - (p s c - projection s c)) = 0.
  by rewrite sum_sub (sum_sub xpredT (p s)) p1 projection_sum1 -/(KL (p s) (projection s)) K0; ring.
have H := sum_eq0 G Z0 b; have q0 := projection_gt0 s b.
case: (Req_dec (p s b) 0) => [Ep|pn]; first by rewrite Ep in H *; lra.
have pp : 0 < p s b by have := p0 s b; lra.
case: (Req_dec (projection s b / p s b) 1) => [D|D].
  by have -> : projection s b = projection s b / p s b * p s b by [field; lra]; rewrite D; ring.
have L := Rmult_lt_compat_l _ _ _ pp (ln_lt (Rdiv_lt_0_compat _ _ q0 pp) D).
have E1 : p s b * (projection s b / p s b - 1) = projection s b - p s b by field; lra.
have E2 : p s b * ln (p s b / projection s b) = - (p s b * ln (projection s b / p s b)).
  by have inv u v : 0 < u -> 0 < v -> ln (u / v) = - ln (v / u) by [move=> u0 v0; rewrite !ln_div //; ring]; rewrite inv //; ring.
lra.
Qed.
End Projection.

(* (36): over joint actions the others' policy cancels, and the weights are d^D(s) *)
Theorem projection_over_joint_actions (I S : finType) (A : I -> finType) (i : I) (pi : forall j, S -> A j -> R) (weight : S -> R)
    (p q : S -> A i -> R) :
  (forall j s (b : A j), 0 <= pi j s b) -> (forall j s, \sum_b pi j s b = 1) -> (forall s, 0 <= weight s) -> (forall s b, 0 <= p s b) ->
  (forall s b, 0 < q s b) ->
  KL (fun x : S * joint_action A => weight x.1 * p x.1 (x.2 i) * others_prob pi i x.1 x.2)
     (fun x => weight x.1 * q x.1 (x.2 i) * others_prob pi i x.1 x.2)
  = \sum_s (weight s * KL (p s) (q s)).
Proof.
move=> pi0 pi1 w0 p0 q0; rewrite /KL (split_sum i).
rewrite -(pair_bigA _ (fun s b => \sum_(a : joint_action A | a i == b)
  (weight s * p s (a i) * others_prob pi i s a * ln (weight s * p s (a i) * others_prob pi i s a
     / (weight s * q s (a i) * others_prob pi i s a))))) /=; apply: eq_bigr => s _.
rewrite -sum_scal; apply: eq_bigr => b _.
rewrite (eq_bigr (fun a => weight s * (p s b * ln (p s b / q s b)) * others_prob pi i s a)) => [|a /eqP ->].
  by rewrite sum_scal (others_prob_sum1 pi1) Rmult_1_r.
case: (Req_dec (weight s * p s b * others_prob pi i s a) 0) => [E|N].
  rewrite E Rmult_0_l; have -> : weight s * (p s b * ln (p s b / q s b)) * others_prob pi i s a
    = weight s * p s b * others_prob pi i s a * ln (p s b / q s b) by ring.
  by rewrite E Rmult_0_l.
have wn : weight s <> 0 by move=> E; apply: N; rewrite E; ring.
have on : others_prob pi i s a <> 0 by move=> E; apply: N; rewrite E; ring.
have qn := Rgt_not_eq _ _ (q0 s b).
have -> : weight s * p s b * others_prob pi i s a / (weight s * q s b * others_prob pi i s a) = p s b / q s b by field.
ring.
Qed.

(* ---------- 2. with a certified nu the projection is the best response ---------- *)
Theorem i_projection_is_the_best_response (I S : finType) (A : I -> finType) (G : mmdp S A) (alpha : R) (x : joint_policy S A) (i : I)
    (nu : S -> R) (p : policy S A i) :
  let m := data_marginal (i := i) (data G) in
  let adv := advantage (reduced_kernel (i := i) (transition G) (prob x)) (discount G)
               (reduced_reward (i := i) alpha (reward G) (data G) (prob x)) nu in
  0 < alpha ->
  flow_single (reduced_kernel (i := i) (transition G) (prob x)) (initial G) (discount G) (fun y => m y * exp (adv y / alpha - 1)) ->
  (forall s b, proj1_sig p s b = m (s, b) * exp (adv (s, b) / alpha) / \sum_c (m (s, c) * exp (adv (s, c) / alpha))) ->
  LP_update G alpha x p.
Proof.
move=> m adv a0 F E; pose d (y : S * A i) := m y * exp (adv y / alpha - 1).
have m0 y : 0 < m y by apply: (data_marginal_gt0 (data_gt0 G) (prob_sum1 x)).
have d0 y : 0 < d y by apply: Rmult_lt_0_compat => //; exact: exp_pos.
have [M _] := LP_certificate (data_gt0 G) (prob_ge0 x) (prob_sum1 x) a0 F.
exists (fun s b => d (s, b)); split.
- by move=> s b; apply: Rlt_le.
- by apply: (maximises_ext (d := lift (i := i) (prob x) d)) M => // -[].
move=> s b N; rewrite E.
have sc c : m (s, c) * exp (adv (s, c) / alpha) = exp 1 * d (s, c).
  rewrite /d (_ : adv (s, c) / alpha = 1 + (adv (s, c) / alpha - 1)); last by ring.
  by rewrite exp_plus; have -> : 1 + (adv (s, c) / alpha - 1) - 1 = adv (s, c) / alpha - 1 by [ring]; ring.
rewrite sc (eq_bigr _ (fun c _ => sc c)) sum_scal; field; split => //; apply: Rgt_not_eq; exact: exp_pos.
Qed.

(* ---------- 3. behaviour cloning ---------- *)
Section Cloning.
Variables (Y T : finType) (m : Y -> T -> R).
Hypotheses (m0 : forall y t, 0 < m y t) (T0 : (0 < #|T|)%nat).
Let M y := \sum_t m y t.
Definition conditional (y : Y) (t : T) : R := m y t / M y.
Definition log_likelihood (q : Y -> T -> R) : R := \sum_y (\sum_t (m y t * ln (q y t))).
Let M0 y : 0 < M y.
Proof. by case/card_gt0P: T0 => t _; apply: (@sum_gt0 _ (m y) t) => // u; have := m0 y u; lra. Qed.

Theorem cloning_recovers_the_conditional q : (forall y t, 0 < q y t) -> (forall y, \sum_t q y t = 1) ->
  log_likelihood conditional - log_likelihood q = \sum_y (M y * KL (conditional y) (q y))
  /\ log_likelihood q <= log_likelihood conditional.
Proof.
move=> q0 q1.
have c0 y t : 0 < conditional y t by apply: Rdiv_lt_0_compat.
have E : log_likelihood conditional - log_likelihood q = \sum_y (M y * KL (conditional y) (q y)).
  rewrite /log_likelihood -sum_sub; apply: eq_bigr => y _; rewrite -sum_sub /KL -sum_scal; apply: eq_bigr => t _.
  rewrite (ln_div (c0 y t) (q0 y t)) /conditional; have := M0 y => h.
  have hm : M y * (m y t / M y) = m y t by field; lra.
  by rewrite -Rmult_assoc hm; ring.
split=> //; have : 0 <= \sum_y (M y * KL (conditional y) (q y)); last by lra.
apply: sum_ge0 => y _; apply: Rmult_le_pos; first exact: Rlt_le.
have c1 : \sum_t conditional y t = 1 by rewrite /conditional /Rdiv sum_scalr; apply: Rinv_r; apply: Rgt_not_eq; exact: M0.
have -> : 0 = \sum_t (conditional y t - q y t) by rewrite sum_sub c1 q1; lra.
by apply: sum_le => t _; apply: gibbs_term => //; apply: Rlt_le.
Qed.
End Cloning.

(* ---------- 4. the fitted e ---------- *)
Section Regression.
Variables (X Y : finType) (weight t : X -> R) (key : X -> Y).
Hypothesis mass : forall y, \sum_(x | key x == y) weight x <> 0.
Definition conditional_mean (y : Y) : R := (\sum_(x | key x == y) (weight x * t x)) / (\sum_(x | key x == y) weight x).
Definition squared_error (e : Y -> R) : R := \sum_x (weight x * ((e (key x) - t x) * (e (key x) - t x))).

Theorem regression_finds_the_conditional_mean e :
  squared_error e = squared_error conditional_mean
    + \sum_x (weight x * ((e (key x) - conditional_mean (key x)) * (e (key x) - conditional_mean (key x)))).
Proof.
pose c x := weight x * ((e (key x) - conditional_mean (key x)) * (conditional_mean (key x) - t x)).
have cross : \sum_x c x = 0.
  rewrite (partition_big key xpredT) //=; apply: big1 => y _.
  rewrite (eq_bigr (fun x => (e y - conditional_mean y) * (weight x * conditional_mean y - weight x * t x))) => [|x /eqP <-].
    by rewrite sum_scal sum_sub sum_scalr /conditional_mean; field; exact: mass.
  by rewrite /c; ring.
have E : squared_error e = \sum_x (weight x * ((conditional_mean (key x) - t x) * (conditional_mean (key x) - t x))
    + weight x * ((e (key x) - conditional_mean (key x)) * (e (key x) - conditional_mean (key x))) + 2 * c x).
  by apply: eq_bigr => x _; rewrite /c; ring.
by rewrite E 2!sum_add sum_scal cross -/(squared_error conditional_mean); ring.
Qed.
End Regression.

(* the conservative term of (43), (47) is at least the entropy of the data's policy, which it meets iff softmax(e) is that policy *)
Theorem conservative_term (B : finType) (piD e : B -> R) : (0 < #|B|)%nat -> (forall b, 0 < piD b) -> \sum_b piD b = 1 ->
  let Z := \sum_b exp (e b) in
  ln Z - (\sum_b (piD b * e b)) = - (\sum_b (piD b * ln (piD b))) + KL piD (fun b => exp (e b) / Z)
  /\ 0 <= KL piD (fun b => exp (e b) / Z).
Proof.
move=> B0 p0 p1 Z; have Z0 : 0 < Z.
  by case/card_gt0P: B0 => b _; apply: (@sum_gt0 _ _ b) => [c|]; [apply: Rlt_le|]; exact: exp_pos.
have q0 b : 0 < exp (e b) / Z by apply: Rdiv_lt_0_compat => //; exact: exp_pos.
split.
  have -> : ln Z = \sum_b (piD b * ln Z) by rewrite sum_scalr p1; ring.
  rewrite /KL -sum_opp -sum_sub -sum_add; apply: eq_bigr => b _.
  by rewrite !ln_div ?ln_exp //; [ring|exact: exp_pos].
have q1 : \sum_b (exp (e b) / Z) = 1 by rewrite /Rdiv sum_scalr; apply: Rinv_r; apply: Rgt_not_eq.
have -> : 0 = \sum_b (piD b - exp (e b) / Z) by rewrite sum_sub p1 q1; lra.
by apply: sum_le => b _; apply: gibbs_term => //; apply: Rlt_le.
Qed.
