(* The dual objective on a finite dataset: Proposition 3.1, Proposition B.1, Corollary B.2 (the
   inequality itself; file ReducedMDP states it in the MMDP), Lemmas E.2-E.5 and Proposition E.1.

     inner(w)  =  w (e - alpha ln w)                      the term of (12) for one sample,
     L(nu)     =  rho alpha mean_x exp(e^_nu(x)/alpha - 1)  + (1-gamma) E_p0 nu      (14),
     L~(nu)    =  alpha ln( rho mean_x exp(e^_nu(x)/alpha) ) + (1-gamma) E_p0 nu     (31),
     e^_nu(x)  =  r - alpha ln(pi_-i/pi^D_-i) + gamma nu(s') - nu(s)   for a sample x = (s, a, s').

   With Z(nu) = rho mean exp(e^/alpha), everything follows from L = alpha Z/exp(1) + ... and
   L~ = alpha ln Z + ..., hence L - L~ = alpha (y - 1 - ln y) at y = Z/exp(1). *)
From Coq Require Import Reals Lra.
From mathcomp Require Import all_ssreflect.
From AlberDICE Require Import RealSums Inequalities.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Local Open Scope R_scope.

(* ---------- Proposition 3.1 ---------- *)
Section Prop31.
Variables (alpha e : R).
Hypothesis alpha0 : 0 < alpha.
Definition wstar : R := exp (e / alpha - 1).
Definition inner (w : R) : R := w * (e - alpha * ln w).

Lemma ln_wstar : alpha * ln wstar = e - alpha.
Proof. by rewrite /wstar ln_exp; field; lra. Qed.

Lemma inner_wstar : inner wstar = alpha * wstar.
Proof. rewrite /inner ln_wstar; ring. Qed.

Lemma inner_eq w : 0 < w ->
  alpha * wstar - inner w = alpha * w * (wstar / w - 1 - ln (wstar / w)).
Proof.
move=> w0; rewrite ln_div //; last by exact: exp_pos.
have -> : ln wstar = e / alpha - 1 by rewrite /wstar ln_exp.
by rewrite /inner; field; lra.
Qed.

(* Proposition 3.1: exp(e/alpha - 1) maximises the inner term of (12) over w >= 0, for each sample.
   (w = 0 is covered by the convention 0 * ln 0 = 0, which holds for Coq's ln.) *)
Theorem proposition_3_1 w : 0 <= w -> inner w <= alpha * wstar.
Proof.
have := exp_pos (e / alpha - 1); rewrite -/wstar => ws0 w0.
case: (Req_dec w 0) => [->|wn].
  by rewrite /inner Rmult_0_l; apply: Rmult_le_pos; lra.
have wp : 0 < w by lra.
have H := ln_le (Rdiv_lt_0_compat _ _ ws0 wp).
have K : 0 <= alpha * w * (wstar / w - 1 - ln (wstar / w)).
  by apply: Rmult_le_pos; [apply: Rmult_le_pos; lra|lra].
have := inner_eq wp; lra.
Qed.

(* ... and it is the only maximiser *)
Theorem proposition_3_1_unique w : 0 <= w -> inner w = alpha * wstar <-> w = wstar.
Proof.
have := exp_pos (e / alpha - 1); rewrite -/wstar => ws0 w0.
split=> [E|->]; last exact: inner_wstar.
case: (Req_dec w 0) => [w00|wn].
  have K : 0 < alpha * wstar by exact: Rmult_lt_0_compat.
  by rewrite w00 /inner Rmult_0_l in E; lra.
have wp : 0 < w by lra.
case: (Req_dec (wstar / w) 1) => [D|D].
  have -> : wstar = wstar / w * w by field; lra.
  by rewrite D; ring.
have H := ln_lt (Rdiv_lt_0_compat _ _ ws0 wp) D.
have K : 0 < alpha * w * (wstar / w - 1 - ln (wstar / w)).
  by apply: Rmult_lt_0_compat; [apply: Rmult_lt_0_compat; lra|lra].
have := inner_eq wp; lra.
Qed.
End Prop31.

(* Proposition 3.1 gives one w per SAMPLE; (12) has one w per PAIR (s,a_i). When several
   samples x share the pair (probability q x >= 0, sum 1), the maximum over one shared w is at
   exp(mean e / alpha - 1), and the per-sample formula is only an upper bound
   (Corollary B.2 is this inequality summed over (s,a_i)). *)
Section SharedW.
Variables (T : finType) (q e : T -> R) (alpha : R).
Hypotheses (alpha0 : 0 < alpha) (q0 : forall x, 0 <= q x) (q1 : \sum_x q x = 1).
Let m := \sum_x (q x * e x).

(* the maximum over ONE w shared by the samples of a pair (s, a_i) *)
Theorem shared_weight_bound w : 0 <= w ->
  \sum_x (q x * inner alpha (e x) w) <= alpha * exp (m / alpha - 1).
Proof.
move=> w0; have -> : \sum_x (q x * inner alpha (e x) w) = inner alpha m w.
  rewrite (eq_bigr (fun x => w * (q x * e x) - (w * alpha * ln w) * q x)) => [|x _].
    by rewrite sum_sub !sum_scal q1 -/m /inner; ring.
  by rewrite /inner; ring.
exact: proposition_3_1.
Qed.

(* ... is at most the average of the per-sample maxima *)
Theorem jensen_gap :
  alpha * exp (m / alpha - 1) <= \sum_x (q x * (alpha * exp (e x / alpha - 1))).
Proof.
rewrite (eq_bigr (fun x => alpha * (q x * exp (e x / alpha - 1)))) => [|x _]; last by ring.
rewrite sum_scal; apply: Rmult_le_compat_l; first by lra.
have -> : m / alpha - 1 = \sum_x (q x * (e x / alpha - 1)).
  rewrite (eq_bigr (fun x => / alpha * (q x * e x) - 1 * q x)) => [|x _]; last by rewrite /Rdiv; ring.
  by rewrite sum_sub !sum_scal q1 -/m; rewrite /Rdiv; ring.
exact: exp_jensen.
Qed.

(* equality for a deterministic s', a_{-i} *)
Theorem jensen_tight x0 : (forall x, q x = if x == x0 then 1 else 0) ->
  alpha * exp (m / alpha - 1) = \sum_x (q x * (alpha * exp (e x / alpha - 1))).
Proof.
move=> H; rewrite /m (eq_bigr (fun x => (if x == x0 then 1 else 0) * e x)) => [|x _]; last by rewrite H.
rewrite sum_pick [RHS](eq_bigr (fun x => (if x == x0 then 1 else 0) * (alpha * exp (e x / alpha - 1)))) => [|x _].
  by rewrite sum_pick.
by rewrite H.
Qed.
End SharedW.

(* ---------- Corollary B.2, with the conditional weights q_y(x) = pi_-i(a_-i|s) P(s'|s,a), y = (s,a_i) ---------- *)
Section CorB2.
Variables (Y T : finType) (m : Y -> R) (q e : Y -> T -> R) (alpha lin0 : R).
Hypotheses (alpha0 : 0 < alpha) (m0 : forall y, 0 <= m y) (q0 : forall y x, 0 <= q y x)
           (q1 : forall y, \sum_x q y x = 1).
Definition L_exact : R :=
  \sum_y (m y * (alpha * exp ((\sum_x (q y x * e y x)) / alpha - 1))) + lin0.
Definition L14 : R := \sum_y (m y * (\sum_x (q y x * (alpha * exp (e y x / alpha - 1))))) + lin0.

(* Corollary B.2: L(nu, w_star) <= L(nu) *)
Theorem corollary_B_2 : L_exact <= L14.
Proof.
apply: Rplus_le_compat_r; apply: sum_le => y _; apply: Rmult_le_compat_l => //.
exact: jensen_gap.
Qed.

(* Corollary B.2, equality for deterministic a_-i and s' *)
Theorem corollary_B_2_tight (x0 : Y -> T) :
  (forall y x, q y x = if x == x0 y then 1 else 0) -> L_exact = L14.
Proof.
move=> H; rewrite /L_exact /L14; congr (_ + _); apply: eq_bigr => y _; congr (_ * _).
by apply: (@jensen_tight _ (q y) (e y) alpha (x0 y)) => x; exact: H.
Qed.
End CorB2.

(* ---------- the finite-sample objectives (14) and (31) ---------- *)
Section Dual.
Variables (S X : finType).                 (* states; samples of D_rho *)
Variables (state_of next_of : X -> S) (c : X -> R).  (* s, s' and r - alpha ln(pi_-i/pi^D_-i) per sample *)
Variables (p0 : S -> R) (alpha gamma rho : R).
Hypotheses (alpha0 : 0 < alpha) (rho0 : 0 < rho) (X0 : (0 < #|X|)%nat)
           (gamma1 : gamma < 1) (p01 : \sum_s p0 s = 1).

Definition mean (f : X -> R) : R := / INR #|X| * (\sum_x f x).
Definition ehat (nu : S -> R) (x : X) : R := c x + gamma * nu (next_of x) - nu (state_of x).
Definition lin (nu : S -> R) : R := (1 - gamma) * (\sum_s (p0 s * nu s)).
Definition L (nu : S -> R) : R :=
  rho * alpha * mean (fun x => exp (ehat nu x / alpha - 1)) + lin nu.       (* (14) *)
Definition Z (nu : S -> R) : R := rho * mean (fun x => exp (ehat nu x / alpha)).
Definition L_tilde (nu : S -> R) : R := alpha * ln (Z nu) + lin nu.              (* (31) *)
Definition shift (nu : S -> R) (C : R) : S -> R := fun s => nu s + C.

Let N0 : 0 < INR #|X|. Proof. apply: lt_0_INR; exact/ltP. Qed.

Lemma mean_scal k f : mean (fun x => k * f x) = k * mean f.
Proof. by rewrite /mean sum_scal; ring. Qed.
Lemma mean_le f g : (forall x, f x <= g x) -> mean f <= mean g.
Proof.
move=> H; apply: Rmult_le_compat_l; first by have := Rinv_0_lt_compat _ N0; lra.
exact: sum_le.
Qed.
Lemma mean_gt0 f : (forall x, 0 < f x) -> 0 < mean f.
Proof.
move=> H; apply: Rmult_lt_0_compat; first exact: Rinv_0_lt_compat.
by case/card_gt0P: X0 => x _; apply: (@sum_gt0 _ f x) => // y; have := H y; lra.
Qed.

Lemma Z_pos nu : 0 < Z nu.
Proof. apply: Rmult_lt_0_compat => //; apply: mean_gt0 => x; exact: exp_pos. Qed.

Lemma L_Z nu : L nu = alpha * (Z nu / exp 1) + lin nu.
Proof.
rewrite /L /Z; congr (_ + _).
have -> : mean (fun x => exp (ehat nu x / alpha - 1)) = / exp 1 * mean (fun x => exp (ehat nu x / alpha)).
  rewrite -mean_scal; congr (_ * _); apply: eq_bigr => x _.
  by rewrite /Rminus exp_plus exp_Ropp; ring.
by rewrite /Rdiv; ring.
Qed.

(* ---------- Proposition B.1: L is convex.  (The displayed proof drops /alpha and -1.) ---------- *)
Lemma ehat_affine t nu nu' x :
  ehat (fun s => t * nu s + (1 - t) * nu' s) x = t * ehat nu x + (1 - t) * ehat nu' x.
Proof. rewrite /ehat; ring. Qed.

Lemma lin_affine t nu nu' :
  lin (fun s => t * nu s + (1 - t) * nu' s) = t * lin nu + (1 - t) * lin nu'.
Proof.
rewrite /lin (eq_bigr (fun s => t * (p0 s * nu s) + (1 - t) * (p0 s * nu' s))) => [|s _]; last by ring.
by rewrite sum_add !sum_scal; ring.
Qed.

Theorem proposition_B_1 t nu nu' : 0 <= t <= 1 ->
  L (fun s => t * nu s + (1 - t) * nu' s) <= t * L nu + (1 - t) * L nu'.
Proof.
move=> Ht; rewrite /L lin_affine; set M := mean _; set M1 := mean _; set M2 := mean _.
have H : M <= t * M1 + (1 - t) * M2.
  rewrite /M /M1 /M2 -!mean_scal.
  have -> : forall f g, mean f + mean g = mean (fun x => f x + g x)
    by move=> f g; rewrite /mean sum_add; ring.
  apply: mean_le => x; rewrite ehat_affine.
  have -> : (t * ehat nu x + (1 - t) * ehat nu' x) / alpha - 1
    = t * (ehat nu x / alpha - 1) + (1 - t) * (ehat nu' x / alpha - 1) by field; lra.
  exact: exp_convex.
have K : rho * alpha * M <= rho * alpha * (t * M1 + (1 - t) * M2).
  by apply: Rmult_le_compat_l => //; apply: Rmult_le_pos; lra.
lra.
Qed.

(* ---------- Lemma E.2: L~(nu + C) = L~(nu) ---------- *)
Lemma ehat_shift nu C x : ehat (shift nu C) x = ehat nu x - (1 - gamma) * C.   (* (32) *)
Proof. rewrite /ehat /shift; ring. Qed.

Lemma lin_shift nu C : lin (shift nu C) = lin nu + (1 - gamma) * C.
Proof.
rewrite /lin /shift (eq_bigr (fun s => p0 s * nu s + C * p0 s)) => [|s _]; last by ring.
by rewrite sum_add sum_scal p01; ring.
Qed.

Lemma Z_shift nu C : Z (shift nu C) = exp (- ((1 - gamma) * C / alpha)) * Z nu.
Proof.
rewrite /Z; have -> : mean (fun x => exp (ehat (shift nu C) x / alpha))
  = exp (- ((1 - gamma) * C / alpha)) * mean (fun x => exp (ehat nu x / alpha)).
  rewrite -mean_scal; congr (_ * _); apply: eq_bigr => x _.
  by rewrite -exp_plus ehat_shift; congr exp; field; lra.
ring.
Qed.

Theorem lemma_E_2 nu C : L_tilde (shift nu C) = L_tilde nu.
Proof.
rewrite /L_tilde Z_shift lin_shift ln_mult; [|exact: exp_pos|exact: Z_pos].
by rewrite ln_exp; field; lra.
Qed.

(* ---------- Lemma E.3: L >= L~; equality iff rho mean exp(e/alpha - 1) = 1, where the paper prints
   rho mean exp(e/alpha) = 1 ---------- *)
Theorem lemma_E_3 nu : L_tilde nu <= L nu.
Proof.
have Zp := Z_pos nu; have e1 := exp_pos 1.
have H := ln_le (Rdiv_lt_0_compat _ _ Zp e1).
rewrite ln_div // ln_exp in H; rewrite /L_tilde L_Z.
have K : alpha * (ln (Z nu)) <= alpha * (Z nu / exp 1) by apply: Rmult_le_compat_l; lra.
lra.
Qed.

Theorem lemma_E_3_equality nu :
  L nu = L_tilde nu <-> rho * mean (fun x => exp (ehat nu x / alpha - 1)) = 1.
Proof.
have Zp := Z_pos nu; have e1 := exp_pos 1.
have ZE : rho * mean (fun x => exp (ehat nu x / alpha - 1)) = Z nu / exp 1.
  apply: (Rmult_eq_reg_l alpha); last by lra.
  have := L_Z nu; rewrite /L; lra.
rewrite ZE /L_tilde L_Z; split=> [E|E]; last first.
  have -> : Z nu = exp 1.
    by rewrite -[LHS]Rmult_1_r -[in LHS](Rinv_l (exp 1));
      [move: E; rewrite /Rdiv => E; rewrite -Rmult_assoc E; ring|lra].
  by rewrite ln_exp; field; lra.
case: (Req_dec (Z nu / exp 1) 1) => // D.
have H := ln_lt (Rdiv_lt_0_compat _ _ Zp e1) D; rewrite ln_div // ln_exp in H.
have K : alpha * ln (Z nu) < alpha * (Z nu / exp 1) by apply: Rmult_lt_compat_l; lra.
lra.
Qed.

(* at the printed normalisation rho mean exp(e/alpha) = 1 the two differ by alpha/e *)
Theorem printed_equality_gap nu : Z nu = 1 -> L nu - L_tilde nu = alpha / exp 1.
Proof. by move=> E; rewrite L_Z /L_tilde E ln_1; field; have := exp_pos 1; lra. Qed.

(* ---------- Lemma E.4: the right constant is alpha/(1-gamma) (ln Z - 1); printed: alpha/(1-gamma) ln Z ---------- *)
Definition Cstar nu : R := alpha / (1 - gamma) * (ln (Z nu) - 1).
Definition Cprinted nu : R := alpha / (1 - gamma) * ln (Z nu).

Lemma Z_Cstar nu : Z (shift nu (Cstar nu)) = exp 1.
Proof.
rewrite Z_shift /Cstar -{2}(exp_ln (Z nu)); last exact: Z_pos.
by rewrite -exp_plus; congr exp; field; lra.
Qed.

Lemma Z_Cprinted nu : Z (shift nu (Cprinted nu)) = 1.
Proof.
rewrite Z_shift /Cprinted -{2}(exp_ln (Z nu)); last exact: Z_pos.
by rewrite -exp_plus -[RHS]exp_0; congr exp; field; lra.
Qed.

Lemma L_Cstar nu : L (shift nu (Cstar nu)) = L_tilde nu.
Proof.
rewrite -(lemma_E_2 nu (Cstar nu)) L_Z /L_tilde Z_Cstar ln_exp.
by field; have := exp_pos 1; lra.
Qed.

(* with the printed constant the objective is alpha/e above the minimum *)
Theorem printed_constant_gap nu : L (shift nu (Cprinted nu)) = L_tilde nu + alpha / exp 1.
Proof.
have := printed_equality_gap (Z_Cprinted nu); rewrite lemma_E_2; lra.
Qed.

Definition minimises (f : (S -> R) -> R) (nu : S -> R) : Prop := forall nu', f nu <= f nu'.

(* Lemma E.4: a minimiser of L~, shifted, minimises L *)
Theorem lemma_E_4 nu : minimises L_tilde nu -> minimises L (shift nu (Cstar nu)).
Proof.
move=> H nu'; rewrite L_Cstar; apply: Rle_trans (H nu') _; exact: lemma_E_3.
Qed.

(* Lemma E.5: a minimiser of L minimises L~, with the same value *)
Theorem lemma_E_5 nu : minimises L nu -> minimises L_tilde nu /\ L nu = L_tilde nu.
Proof.
move=> H; have E : L nu = L_tilde nu.
  by apply: Rle_antisym; [rewrite -(L_Cstar nu); exact: H|exact: lemma_E_3].
split=> // nu'; rewrite -E -(L_Cstar nu'); exact: H.
Qed.

(* Proposition E.1 as first stated: equal minima, and a shifted minimiser of L minimises L~ *)
Theorem proposition_E_1 nu nut C : minimises L nu -> minimises L_tilde nut ->
  L nu = L_tilde nut /\ minimises L_tilde (shift nu C).
Proof.
move=> H Ht; case: (lemma_E_5 H) => Ht' E; split.
  by rewrite E; apply: Rle_antisym; [exact: Ht'|exact: Ht].
by move=> nu'; rewrite lemma_E_2; exact: Ht'.
Qed.

(* ... and its restatement at the end of E.1 (the shift still minimises L) is false for every C <> 0 *)
Theorem proposition_E_1_restated_is_false nu C : minimises L nu -> C <> 0 -> ~ minimises L (shift nu C).
Proof.
move=> H Cn H'; have [_ E] := lemma_E_5 H; have [_ E'] := lemma_E_5 H'.
have eq1 n : L n = L_tilde n -> Z n = exp 1.
  move=> En; have [K _] := lemma_E_3_equality n; have {}K := K En.
  have := L_Z n; rewrite /L; move: K; set M := mean _ => K LZ.
  have e1 := exp_pos 1.
  have : alpha * (rho * M) = alpha * (Z n / exp 1) by lra.
  move/(Rmult_eq_reg_l alpha) => F; have {}F : 1 = Z n / exp 1 by have := F (Rgt_not_eq _ _ alpha0); lra.
  have -> : Z n = Z n / exp 1 * exp 1 by field; lra.
  by rewrite -F; ring.
have Z1 := eq1 _ E; have := eq1 _ E'; rewrite Z_shift Z1 => F.
have : exp (- ((1 - gamma) * C / alpha)) = exp 0.
  rewrite exp_0; apply: (Rmult_eq_reg_r (exp 1)); last by have := exp_pos 1; lra.
  lra.
move/exp_inv => G; apply: Cn.
have : (1 - gamma) * C = - (- ((1 - gamma) * C / alpha)) * alpha by field; lra.
rewrite G => K; have {}K : (1 - gamma) * C = 0 by lra.
move: K.
case/Rmult_integral; lra.
Qed.

(* (31) is convex too (the paper does not say it): L_tilde nu = L (shift nu (Cstar nu)) = min_C *)
Theorem L_tilde_convex t nu nu' : 0 <= t <= 1 ->
  L_tilde (fun s => t * nu s + (1 - t) * nu' s) <= t * L_tilde nu + (1 - t) * L_tilde nu'.
Proof.
move=> Ht; set m := fun s => _.
rewrite -(L_Cstar nu) -(L_Cstar nu').
have E : L_tilde m = L_tilde (fun s => t * shift nu (Cstar nu) s + (1 - t) * shift nu' (Cstar nu') s).
  have P s : shift m (t * Cstar nu + (1 - t) * Cstar nu') s
           = t * shift nu (Cstar nu) s + (1 - t) * shift nu' (Cstar nu') s
    by rewrite /shift /m; ring.
  rewrite -(lemma_E_2 m (t * Cstar nu + (1 - t) * Cstar nu')) /L_tilde /Z /lin /mean.
  by congr (_ * ln (_ * (_ * _)) + _ * _); apply: eq_bigr => y _; rewrite /ehat !P.
rewrite E; apply: Rle_trans (lemma_E_3 _) _; exact: proposition_B_1.
Qed.

(* policy extraction reads only w up to a positive factor: (34) against (35) *)
Theorem weights_are_proportional nu C x :
  exp (ehat nu x / alpha - 1)
  = exp ((1 - gamma) * C / alpha - 1) * exp (ehat (shift nu C) x / alpha).
Proof. by rewrite -exp_plus ehat_shift; congr exp; field; lra. Qed.
End Dual.
