(* An exact update gains exactly alpha KL(d_old || d_new).

   A maximiser ds of F(d) = \sum d u - alpha KL(d || m) over a polytope has full relative support, so it can be left a little in the
   direction AWAY from any other point d.  Hence the return for the reward frozen at ds is constant, and
       F(d) = F(ds) - alpha KL(d || ds)          for every feasible d.
   Along a run the divergences sum to (F_n - F_0)/alpha, so they vanish, and with them every step of the occupancy. *)
From Coq Require Import Reals Lra.
From mathcomp Require Import all_ssreflect.
From AlberDICE Require Import RealSums Inequalities Limits Lemma41 FrozenReward RegularisedLP BlockAscent Occupancy StateValues
  Convergence.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Local Open Scope R_scope.

Section Polytope.
Variables (T : finType) (u m : T -> R) (alpha : R) (C : (T -> R) -> Prop).
Hypotheses (alpha0 : 0 < alpha) (m0 : forall x, 0 < m x)
  (C0 : forall p, C p -> forall x, 0 <= p x)
  (Cmass : forall p q, C p -> C q -> \sum_x p x = \sum_x q x)
  (Cconv : forall p q t, C p -> C q -> 0 <= t <= 1 -> C (fun x => (1 - t) * p x + t * q x))
  (Cext : forall p q t, C p -> C q -> 0 <= t -> (forall x, 0 <= (1 + t) * p x - t * q x) ->
          C (fun x => (1 + t) * p x - t * q x)).

Theorem exact_gain ps p : maximises C (regularised u m alpha) ps -> C p ->
  regularised u m alpha p = regularised u m alpha ps - alpha * KL p ps.
Proof.
move=> M Cp; have Cs := M.1.
have FS : full_support C ps by apply: (maximiser_full_support alpha0 m0 C0 Cconv M).
have [_ best] := frozen_best_response_necessary alpha0 m0 C0 Cmass Cconv FS M.
rewrite (regularised_decomposition u alpha m0 C0 Cs FS Cp) regularised_is_frozen_return.
suff -> : linear_return (frozen_reward u m alpha ps) p = linear_return (frozen_reward u m alpha ps) ps by [].
apply: Rle_antisym; first exact: best.
pose total := \sum_x (p x / ps x); pose t := / (1 + total).
have term x : 0 <= p x / ps x.
  case: (pos_of_support C0 Cs FS Cp x) => [->|psx]; first by rewrite /Rdiv Rmult_0_l; lra.
  by apply: Rmult_le_pos; [exact: C0|have := Rinv_0_lt_compat _ psx; lra].
have tot0 : 0 <= total by apply: sum_ge0.
have t0 : 0 < t by apply: Rinv_0_lt_compat; lra.
have inside x : 0 <= (1 + t) * ps x - t * p x.
  case: (pos_of_support C0 Cs FS Cp x) => [->|psx].
    by rewrite Rmult_0_r Rminus_0_r; apply: Rmult_le_pos; [lra|exact: C0].
  have le : p x / ps x <= total by apply: sum_ge_term.
  have q1 : t * (p x / ps x) <= 1.
    apply: (Rmult_le_reg_l (1 + total)); first by lra.
    by rewrite -Rmult_assoc Rinv_r; lra.
  have := Rmult_le_compat_r (ps x) _ _ (Rlt_le _ _ psx) q1.
  have -> : t * (p x / ps x) * ps x = t * p x by field; lra.
  by have := Rmult_lt_0_compat _ _ t0 psx; lra.
have := best _ (Cext Cs Cp (Rlt_le _ _ t0) inside).
rewrite {1}/linear_return (eq_bigr (fun x => (1 + t) * (ps x * frozen_reward u m alpha ps x)
  - t * (p x * frozen_reward u m alpha ps x))) => [|x _]; last by ring.
rewrite sum_sub !sum_scal -!/(linear_return _ _) => le.
apply: (Rmult_le_reg_l t) => //; lra.
Qed.
End Polytope.

(* squared Hellinger distance <= KL, and so every coordinate moves by at most 2 sqrt KL *)
Section Hellinger.
Variables (T : finType) (p q : T -> R).
Hypotheses (p0 : forall x, 0 <= p x) (q0 : forall x, 0 <= q x) (pq : forall x, q x = 0 -> p x = 0)
  (mass : \sum_x p x = \sum_x q x).
Theorem hellinger_le_KL : \sum_x ((sqrt (p x) - sqrt (q x)) * (sqrt (p x) - sqrt (q x))) <= KL p q.
Proof.
have term x : 2 * p x - 2 * (sqrt (p x) * sqrt (q x)) <= p x * ln (p x / q x).
  case: (Req_dec (p x) 0) => [->|pn]; first by rewrite sqrt_0; lra.
  have pp : 0 < p x by have := p0 x; lra.
  have qp : 0 < q x by have := q0 x; case: (Req_dec (q x) 0) => [/pq|]; lra.
  have sp := sqrt_lt_R0 _ pp; have sq := sqrt_lt_R0 _ qp.
  have P : sqrt (p x) * sqrt (p x) = p x by apply: sqrt_sqrt; lra.
  have Q : sqrt (q x) * sqrt (q x) = q x by apply: sqrt_sqrt; lra.
  have -> : ln (p x / q x) = - 2 * ln (sqrt (q x) / sqrt (p x)).
    by rewrite -{1}P -{1}Q !ln_div ?ln_mult //; try exact: Rmult_lt_0_compat; ring.
  have := ln_le (Rdiv_lt_0_compat _ _ sq sp) => L.
  have E : p x * (sqrt (q x) / sqrt (p x) - 1) = sqrt (p x) * sqrt (q x) - p x.
    by rewrite -{1}P; field_simplify; [rewrite -[sqrt (p x) ^ 2]/(sqrt (p x) * (sqrt (p x) * 1)) Rmult_1_r P|]; lra.
  by have := Rmult_le_compat_l (p x) _ _ (Rlt_le _ _ pp) L; lra.
apply: (Rle_trans _ (\sum_x (2 * p x - 2 * (sqrt (p x) * sqrt (q x)) + (q x - p x)))).
  by apply: sum_le => x _; have := sqrt_sqrt _ (p0 x); have := sqrt_sqrt _ (q0 x); lra.
by rewrite sum_add (sum_sub xpredT q p) -mass Rminus_diag_eq // Rplus_0_r; apply: sum_le => x _; exact: term.
Qed.

Theorem coordinate_le_KL : \sum_x p x <= 1 -> forall x, Rabs (p x - q x) <= 2 * sqrt (KL p q).
Proof.
move=> p1 x; have q1 : \sum_x q x <= 1 by rewrite -mass.
have px : p x <= 1 by apply: Rle_trans (sum_ge_term (f := p) x p0) p1.
have qx : q x <= 1 by apply: Rle_trans (sum_ge_term (f := q) x q0) q1.
set a := sqrt (p x); set b := sqrt (q x).
have a0 : 0 <= a by exact: sqrt_pos.
have b0 : 0 <= b by exact: sqrt_pos.
have a1 : a <= 1 by rewrite -sqrt_1; apply: sqrt_le_1_alt.
have b1 : b <= 1 by rewrite -sqrt_1; apply: sqrt_le_1_alt.
have E : p x - q x = (a - b) * (a + b).
  by have := sqrt_sqrt _ (p0 x); have := sqrt_sqrt _ (q0 x); rewrite -/a -/b; lra.
have H : (a - b) * (a - b) <= KL p q.
  apply: Rle_trans hellinger_le_KL.
  by apply: (@sum_ge_term _ (fun x => (sqrt (p x) - sqrt (q x)) * (sqrt (p x) - sqrt (q x)))) => z; exact: Rle_0_sqr.
have S : Rabs (a - b) <= sqrt (KL p q) by rewrite -sqrt_Rsqr_abs; apply: sqrt_le_1_alt.
rewrite E Rabs_mult (Rabs_pos_eq (a + b)); last by lra.
by have := Rmult_le_compat _ _ _ _ (Rabs_pos (a - b)) (Rplus_le_le_0_compat _ _ a0 b0) S (Rplus_le_compat _ _ _ _ a1 b1); lra.
Qed.
End Hellinger.

Section ExactGain.
Variables (I S : finType) (A : I -> finType) (G : mmdp S A) (alpha : R).
Hypothesis alpha_gt0 : 0 < alpha.
Notation JA := (joint_action A).
Notation SJA := (S * JA)%type.
Notation policy := (policy S A).
Notation joint_policy := (joint_policy S A).
Notation dJ := (joint_occupancy G).
Notation F := (common_objective G alpha).
Notation same_policy := (@same_policy I S A).

Lemma feasible_extends (y : joint_policy) i d d' t : feasible (transition G) (initial G) (discount G) (prob y) i d ->
  feasible (transition G) (initial G) (discount G) (prob y) i d' -> 0 <= t ->
  (forall x, 0 <= (1 + t) * d x - t * d' x) ->
  feasible (transition G) (initial G) (discount G) (prob y) i (fun x => (1 + t) * d x - t * d' x).
Proof.
case=> d_i [H0 E F1] [di' [H0' E' F1']] t0 pos.
exists (fun s b => (1 + t) * d_i s b - t * di' s b); split.
- move=> s b; have O := others_prob_sum1 (prob_sum1 y) s b.
  have := sum_ge0 (P := fun a : JA => a i == b) (f := fun a => (1 + t) * d (s, a) - t * d' (s, a)) (fun a _ => pos (s, a)).
  rewrite (eq_bigr (fun a => ((1 + t) * d_i s b - t * di' s b) * others_prob (prob y) i s a)) => [|a /eqP Ea].
    by rewrite sum_scal O Rmult_1_r.
  by rewrite E E' /= Ea; ring.
- by move=> x; rewrite E E'; ring.
- move=> s'; rewrite sum_sub !sum_scal F1 F1'.
  have -> : \sum_(x : SJA) (transition G x s' * ((1 + t) * d x - t * d' x))
    = (1 + t) * (\sum_(x : SJA) (transition G x s' * d x)) - t * (\sum_(x : SJA) (transition G x s' * d' x)).
    by rewrite -!sum_scal -sum_sub; apply: eq_bigr => x _; ring.
  ring.
Qed.

(* every feasible point of agent i's LP, measured from the solution *)
Theorem LP_gain_is_divergence (y : joint_policy) i d ds :
  maximises (feasible (transition G) (initial G) (discount G) (prob y) i) (joint_objective alpha (reward G) (data G)) ds ->
  feasible (transition G) (initial G) (discount G) (prob y) i d ->
  joint_objective alpha (reward G) (data G) ds = joint_objective alpha (reward G) (data G) d + alpha * KL d ds.
Proof.
move=> M Fd; have := exact_gain alpha_gt0 (data_gt0 G) _ _ _ _ M Fd; rewrite /joint_objective => ->; first by ring.
- by move=> p Hp x; apply: feasible_ge0 Hp x; exact: prob_ge0.
- by move=> p q Hp Hq; apply: (feasible_mass (transition_sum1 G) (initial_sum1 G) (discount_lt1 G) Hp Hq).
- by move=> p q t; exact: feasible_convex.
- by move=> p q t; exact: feasible_extends.
Qed.

(* a best response gains exactly alpha KL(d_old || d_new) *)
Theorem best_response_gain (y : joint_policy) i (p : policy i) : @best_response I policy F y i p ->
  F (@deviate I policy y i p) = F y + alpha * KL (dJ y) (dJ (@deviate I policy y i p)).
Proof.
move=> B; have self : forall z, dJ (@deviate I policy y i (y i)) z = dJ y z.
  by apply: joint_occupancy_ext => j; rewrite /deviate; case: eqP => [e|//]; case: _ / e.
have Fy : feasible (transition G) (initial G) (discount G) (prob y) i (dJ y).
  have [d_i [H0 E F1]] := deviation_is_feasible G y (y i); exists d_i; split=> //; last exact: joint_occupancy_flow.
  by move=> z; rewrite -self.
apply: LP_gain_is_divergence Fy; split; first exact: deviation_is_feasible.
by move=> d /feasible_is_deviation[q Eq]; rewrite (joint_objective_ext G alpha Eq); exact: B.
Qed.

Section Runs.
Variables (x : nat -> joint_policy) (who : nat -> I).
Hypothesis run : alberdice_run G alpha x who.
Definition step_divergence t : R := KL (dJ (x t)) (dJ (x t.+1)).

Theorem update_gains_exactly_the_divergence t : F (x t.+1) = F (x t) + alpha * step_divergence t.
Proof.
have [p [B E]] := alberdice_run_best_responds run t.
rewrite (common_objective_ext G alpha E) (best_response_gain B) /step_divergence /KL; congr (_ + _ * _).
by apply: eq_bigr => z _; rewrite (joint_occupancy_ext G E).
Qed.

Theorem divergences_sum_to_the_gain n : alpha * (\big[Rplus/0]_(t < n) step_divergence t) = F (x n) - F (x 0%nat).
Proof.
elim: n => [|n IH]; first by rewrite big_ord0; ring.
by rewrite big_ord_recr /= Rmult_plus_distr_l IH update_gains_exactly_the_divergence; ring.
Qed.

Corollary divergences_are_summable B n : (forall y, F y <= B) ->
  \big[Rplus/0]_(t < n) step_divergence t <= (B - F (x 0%nat)) / alpha.
Proof.
move=> FB; apply: (Rmult_le_reg_l alpha) => //; rewrite divergences_sum_to_the_gain.
have -> : alpha * ((B - F (x 0%nat)) / alpha) = B - F (x 0%nat) by field; lra.
by have := FB (x n); lra.
Qed.

Lemma step_absolutely_continuous t y : dJ (x t.+1) y = 0 -> dJ (x t) y = 0.
Proof.
have [p [B E]] := alberdice_run_best_responds run t; rewrite (joint_occupancy_ext G E).
have M : maximises (feasible (transition G) (initial G) (discount G) (prob (x t)) (who t))
    (joint_objective alpha (reward G) (data G)) (dJ (@deviate I policy (x t) (who t) p)).
  split; first exact: deviation_is_feasible.
  by move=> d /feasible_is_deviation[q Eq]; rewrite (joint_objective_ext G alpha Eq); exact: B.
have [FS _] := (regularised_LP_iff_frozen_best_response (reward G) (transition_sum1 G) (initial_sum1 G) (discount_lt1 G)
  alpha_gt0 (data_gt0 G) (prob_ge0 (x t)) (who t) _).1 M.
apply: FS; have [d_i [H0 E1 F1]] := deviation_is_feasible G (x t) (x t (who t)); exists d_i; split=> //.
  move=> z; rewrite -E1; symmetry; apply: joint_occupancy_ext => j.
  by rewrite /deviate; case: eqP => [e|//]; case: _ / e.
exact: joint_occupancy_flow.
Qed.

Lemma occupancy_mass (v : joint_policy) : \sum_(y : SJA) dJ v y = 1.
Proof. exact: (flow_mass (transition_sum1 G) (initial_sum1 G) (discount_lt1 G) (joint_occupancy_flow G v)). Qed.

Theorem step_moves_little t y : Rabs (dJ (x t) y - dJ (x t.+1) y) <= 2 * sqrt (step_divergence t).
Proof.
apply: coordinate_le_KL => *; rewrite ?occupancy_mass //; try exact: joint_occupancy_ge0; try exact: Rle_refl.
exact: step_absolutely_continuous.
Qed.

(* the divergences, and with them the steps of the occupancy, vanish *)
Theorem steps_vanish : Un_cv step_divergence 0 /\ forall y, Un_cv (fun t => dJ (x t.+1) y - dJ (x t) y) 0.
Proof.
have [l Hl] := theorem_4_2_values_converge (Rlt_le _ _ alpha_gt0) run.
have D : Un_cv step_divergence 0.
  have C : Un_cv (fun t => / alpha * (F (x t.+1) - F (x t))) (/ alpha * (l - l)).
    apply: CV_mult; first exact: Un_cv_const.
    apply: CV_minus => //; move=> e e0; case: (Hl e e0) => N HN; exists N => n Hn; apply: HN; exact: le_S.
  rewrite Rminus_diag_eq // Rmult_0_r in C; apply: (Un_cv_ext _ C) => t.
  by rewrite update_gains_exactly_the_divergence; field; lra.
split=> // y.
have D0 t : 0 <= step_divergence t.
  apply: Rle_trans (hellinger_le_KL _ _ _ _); last first.
  - by rewrite !occupancy_mass.
  - exact: step_absolutely_continuous.
  - by move=> z; exact: joint_occupancy_ge0.
  - by move=> z; exact: joint_occupancy_ge0.
  by apply: sum_ge0 => z _; exact: Rle_0_sqr.
have SD : Un_cv (fun t => 2 * sqrt (step_divergence t)) 0.
  rewrite -(Rmult_0_r 2); apply: CV_mult; first exact: Un_cv_const.
  by rewrite -sqrt_0; apply: (continuity_seq sqrt _ _ _ D); apply: continuity_pt_sqrt; lra.
move=> e e0; case: (SD e e0) => N HN; exists N => n Hn; have := HN n Hn.
rewrite /R_dist !Rminus_0_r Rabs_pos_eq; last by have := sqrt_pos (step_divergence n); lra.
by have := step_moves_little n y; rewrite Rabs_minus_sym; lra.
Qed.
End Runs.
End ExactGain.
