(* The sampling steps (10)-(12), (31).

   1. Resampling: K samples drawn with probability proportional to rho, times the mean of rho, are unbiased for (10), every K; the
      variance of their mean is the population's over K.
   2. The logarithm of (31) on such a batch is biased DOWNWARDS, by at most alpha Var / (K mean min): of order 1/K.
   3. Clipped ratios: the bias is exactly what is cut off; in (14), where the ratio stands twice, it cancels; the effective sample
      size rises.
   4. The effective sample size: between 1 and n, n iff all weights agree, n / (1 + relative variance); on a batch its numerator is
      too large by Var/K in the mean. *)
From Coq Require Import Reals Lra.
From mathcomp Require Import all_ssreflect.
From AlberDICE Require Import RealSums Inequalities Lemma41.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Local Open Scope R_scope.

Section Resampling.
Variables (X : finType) (rho : X -> R) (K : nat).
Hypotheses (K0 : (0 < K)%nat) (Z0 : \sum_x rho x <> 0).
Let Z := \sum_x rho x.
Notation batch := (joint_action (fun _ : 'I_K => X)).
Definition draw_prob (t : batch) : R := \prod_k (rho (t k) / Z).
Definition expectation (h : batch -> R) : R := \sum_(t : batch) (draw_prob t * h t).
Definition rho_bar : R := / INR #|X| * Z.
Definition batch_mean (f : X -> R) (t : batch) : R := / INR K * (\sum_k f (t k)).
Definition drawn_mean (f : X -> R) : R := (\sum_x (rho x * f x)) / Z.
Definition drawn_variance (f : X -> R) : R := drawn_mean (fun x => (f x - drawn_mean f) * (f x - drawn_mean f)).

Let Kn : INR K <> 0. Proof. by apply: not_0_INR => E; move: K0; rewrite E. Qed.

Lemma expectation_lin (a b : R) g h :
  expectation (fun t => a * g t + b * h t) = a * expectation g + b * expectation h.
Proof. by rewrite /expectation -!sum_scal -sum_add; apply: eq_bigr => t _; ring. Qed.
Lemma expectation_sum (T : finType) (g : T -> batch -> R) :
  expectation (fun t => \sum_k g k t) = \sum_k expectation (g k).
Proof. by rewrite /expectation (eq_bigr _ (fun t _ => esym (sum_scal xpredT (draw_prob t) (fun k => g k t)))) exchange_big. Qed.
Lemma expectation_ext g h : (forall t, g t = h t) -> expectation g = expectation h.
Proof. by move=> E; apply: eq_bigr => t _; rewrite E. Qed.

(* independence: a product over the draws *)
Lemma product_of_draws (h : 'I_K -> X -> R) :
  expectation (fun t => \prod_k h k (t k)) = \prod_k drawn_mean (h k).
Proof.
rewrite /expectation (eq_bigr (fun t : batch => \prod_j (rho (t j) / Z * h j (t j)))) => [|t _].
  rewrite -(prod_sum_distr (fun j x => rho x / Z * h j x)); apply: eq_bigr => j _.
  by rewrite /drawn_mean /Rdiv -sum_scalr; apply: eq_bigr => x _; ring.
by rewrite big_split.
Qed.

Lemma drawn_mean_const c : drawn_mean (fun _ => c) = c.
Proof. by rewrite /drawn_mean sum_scalr -/Z; field; exact: Z0. Qed.

Lemma one_draw f (k : 'I_K) : expectation (fun t => f (t k)) = drawn_mean f.
Proof.
pose h (j : 'I_K) (x : X) : R := if j == k then f x else 1.
rewrite (expectation_ext (h := fun t => \prod_j h j (t j))) => [|t].
  rewrite product_of_draws (bigD1 k) //= /h eqxx big1 ?Rmult_1_r // => j /negbTE ->; exact: drawn_mean_const.
by rewrite (bigD1 k) //= /h eqxx big1 ?Rmult_1_r // => j /negbTE ->.
Qed.

Lemma two_draws f g (k l : 'I_K) : k != l -> expectation (fun t => f (t k) * g (t l)) = drawn_mean f * drawn_mean g.
Proof.
move=> kl; pose h (j : 'I_K) (x : X) : R := if j == k then f x else if j == l then g x else 1.
have lk : (l == k) = false by rewrite eq_sym; apply/negbTE.
have P (t : 'I_K -> R) : (forall j, j != k -> j != l -> t j = 1) -> \prod_j t j = t k * t l.
  move=> one; rewrite (bigD1 k) //= (bigD1 l) /= ?lk // big1 ?Rmult_1_r // => j /andP[/one]; exact.
rewrite (expectation_ext (h := fun t => \prod_j h j (t j))) => [|t].
  rewrite product_of_draws P ?/h ?eqxx ?lk ?eqxx // => j /negbTE -> /negbTE ->; exact: drawn_mean_const.
by rewrite (P (fun j => h j (t j))) /h ?eqxx ?lk ?eqxx // => j /negbTE -> /negbTE ->.
Qed.

Lemma expectation_const c : expectation (fun _ => c) = c.
Proof.
by rewrite -[RHS](drawn_mean_const c) -(one_draw (fun _ => c) (Ordinal K0)).
Qed.

Lemma batch_mean_expectation f : expectation (batch_mean f) = drawn_mean f.
Proof.
rewrite (expectation_ext (h := fun t => / INR K * (\sum_k f (t k)) + 0 * 0)) => [|t]; last by rewrite /batch_mean; ring.
rewrite expectation_lin (expectation_sum (fun k t => f (t k))) (eq_bigr _ (fun k _ => one_draw f k)) sum_const card_ord.
by field.
Qed.

(* (12) is unbiased for (10), whatever the batch's size *)
Theorem resampling_is_unbiased f :
  expectation (fun t => rho_bar * batch_mean f t) = / INR #|X| * (\sum_x (rho x * f x)).
Proof.
rewrite (expectation_ext (h := fun t => rho_bar * batch_mean f t + 0 * 0)) => [|t]; last by ring.
rewrite expectation_lin batch_mean_expectation /rho_bar /drawn_mean -/Z.
set c := / INR #|X|; by field; exact: Z0.
Qed.

(* the variance of the mean of K draws *)
Theorem batch_mean_variance f :
  expectation (fun t => (batch_mean f t - drawn_mean f) * (batch_mean f t - drawn_mean f)) = drawn_variance f / INR K.
Proof.
pose g x := f x - drawn_mean f.
have g0 : drawn_mean g = 0.
  rewrite /drawn_mean /g (eq_bigr (fun x => rho x * f x - rho x * drawn_mean f)) => [|x _]; last by ring.
  by rewrite sum_sub sum_scalr -/Z /drawn_mean -/Z; field; exact: Z0.
rewrite (expectation_ext (h := fun t => / INR K * / INR K * (\sum_k (\sum_l (g (t k) * g (t l)))) + 0 * 0)) => [|t]; last first.
  have -> : batch_mean f t - drawn_mean f = / INR K * (\sum_k g (t k)).
    by rewrite /batch_mean /g sum_sub sum_const card_ord; field.
  have -> : \sum_k (\sum_l (g (t k) * g (t l))) = (\sum_k g (t k)) * (\sum_l g (t l)).
    by rewrite -sum_scalr; apply: eq_bigr => k _; rewrite sum_scal.
  ring.
rewrite expectation_lin (expectation_sum (fun k t => \sum_l (g (t k) * g (t l)))).
rewrite (eq_bigr (fun k => drawn_variance f)) => [|k _].
  by rewrite sum_const card_ord; field.
rewrite (expectation_sum (fun l t => g (t k) * g (t l))) (bigD1 k) //= [X in _ + X = _]big1 => [|l lk].
  by rewrite Rplus_0_r (one_draw (fun x => g x * g x)).
by rewrite two_draws ?g0; [ring|rewrite eq_sym].
Qed.

(* ---------- 2. the bias of (31) on a batch ---------- *)
Hypotheses (rho0 : forall x, 0 <= rho x) (Zpos : 0 < Z).

Lemma draw_prob_ge0 t : 0 <= draw_prob t.
Proof.
by apply: prod_ge0 => k _; apply: Rmult_le_pos => //; apply: Rlt_le; apply: Rinv_0_lt_compat.
Qed.
Lemma expectation_le g h : (forall t, g t <= h t) -> expectation g <= expectation h.
Proof. by move=> H; apply: sum_le => t _; apply: Rmult_le_compat_l => //; exact: draw_prob_ge0. Qed.

Lemma ln_ge (y : R) : 0 < y -> y - 1 - (y - 1) * (y - 1) / y <= ln y.
Proof.
move=> y0; have := ln_le (Rinv_0_lt_compat _ y0); rewrite ln_Rinv // => H.
have -> : y - 1 - (y - 1) * (y - 1) / y = 1 - / y by field; lra.
lra.
Qed.

Section Logarithm.
Variables (f : X -> R) (low : R).
Hypotheses (low0 : 0 < low) (f_low : forall x, low <= f x).
Let mu := drawn_mean f.

Lemma batch_mean_low t : low <= batch_mean f t.
Proof.
have kp : 0 < INR K by apply: lt_0_INR; apply/ltP.
have -> : low = / INR K * (\sum_(k : 'I_K) low) by rewrite sum_const card_ord; field.
by apply: Rmult_le_compat_l; [have := Rinv_0_lt_compat _ kp; lra|apply: sum_le => k _; exact: f_low].
Qed.
Lemma drawn_mean_low : low <= mu.
Proof.
rewrite /mu -batch_mean_expectation -[low]expectation_const; apply: expectation_le => t; exact: batch_mean_low.
Qed.

(* sign and size: E ln(batch mean) lies below ln(mean), by at most Var / (K mean min) *)
Theorem log_of_batch_mean_bias :
  ln mu - drawn_variance f / (INR K * mu * low) <= expectation (fun t => ln (batch_mean f t)) <= ln mu.
Proof.
have m0 : 0 < mu by have := drawn_mean_low; lra.
have y0 t : 0 < batch_mean f t / mu by apply: Rdiv_lt_0_compat => //; have := batch_mean_low t; lra.
have L t : ln (batch_mean f t) = ln mu + ln (batch_mean f t / mu).
  by rewrite ln_div //; [ring|have := batch_mean_low t; lra].
have E1 : expectation (fun t => batch_mean f t / mu - 1) = 0.
  rewrite (expectation_ext (h := fun t => / mu * batch_mean f t + (-1) * 1)) => [|t]; last by rewrite /Rdiv; ring.
  by rewrite expectation_lin batch_mean_expectation expectation_const -/mu; field; lra.
split; last first.
  apply: (Rle_trans _ (expectation (fun t => ln mu * 1 + 1 * (batch_mean f t / mu - 1)))).
    by apply: expectation_le => t; rewrite L; have := ln_le (y0 t); lra.
  by rewrite expectation_lin E1 expectation_const; lra.
pose q t := (batch_mean f t - mu) * (batch_mean f t - mu).
have kp : 0 < INR K by apply: lt_0_INR; apply/ltP.
have -> : ln mu - drawn_variance f / (INR K * mu * low)
        = expectation (fun t => 1 * (ln mu * 1 + 1 * (batch_mean f t / mu - 1)) + (- / (mu * low)) * q t).
  rewrite expectation_lin expectation_lin E1 expectation_const batch_mean_variance; field; split; lra.
apply: expectation_le => t; rewrite L; have := ln_ge (y0 t).
have -> : (batch_mean f t / mu - 1) * (batch_mean f t / mu - 1) / (batch_mean f t / mu) = q t / (mu * batch_mean f t).
  by rewrite /q; field; have := batch_mean_low t; lra.
have : q t / (mu * batch_mean f t) <= q t / (mu * low).
  apply: Rmult_le_compat_l; first exact: Rle_0_sqr.
  apply: Rinv_le_contravar; first exact: Rmult_lt_0_compat.
  by apply: Rmult_le_compat_l; [lra|exact: batch_mean_low].
rewrite /Rdiv; lra.
Qed.
End Logarithm.

(* (31) on a resampled batch, against (31) on the whole dataset, at any nu: e x is e^_nu(x), lin the term of p_0 *)
Theorem minibatch_31_bias (alpha lin low : R) (e : X -> R) (f := fun x => exp (e x / alpha)) : 0 < alpha -> (0 < #|X|)%nat ->
  (forall x, low <= e x) ->
  let whole := alpha * ln (/ INR #|X| * (\sum_x (rho x * f x))) + lin in
  let batch t := alpha * ln (rho_bar * batch_mean f t) + lin in
  whole - alpha * drawn_variance f / (INR K * drawn_mean f * exp (low / alpha)) <= expectation batch <= whole.
Proof.
move=> a0 X0 le whole bt; have n0 : 0 < INR #|X| by apply: lt_0_INR; apply/ltP.
have r0 : 0 < rho_bar by apply: Rmult_lt_0_compat => //; exact: Rinv_0_lt_compat.
have flow x : exp (low / alpha) <= f x.
  case: (Rle_lt_or_eq_dec _ _ (le x)) => [lt|E]; last by rewrite /f E; exact: Rle_refl.
  apply: Rlt_le; apply: exp_increasing; apply: Rmult_lt_compat_r => //; exact: Rinv_0_lt_compat.
have l0 := exp_pos (low / alpha); have m0 := drawn_mean_low flow.
have W : whole = alpha * (ln rho_bar + ln (drawn_mean f)) + lin.
  rewrite /whole -ln_mult //; last by lra.
  by congr (_ * ln _ + _); rewrite /rho_bar /drawn_mean -/Z; field; split; lra.
have Bt : expectation bt = alpha * (ln rho_bar + expectation (fun t => ln (batch_mean f t))) + lin.
  rewrite (expectation_ext (h := fun t => alpha * ln (batch_mean f t) + 1 * (alpha * ln rho_bar + lin))) => [|t]; last first.
    by rewrite /bt ln_mult //; [ring|have := batch_mean_low flow t; lra].
  by rewrite expectation_lin expectation_const; ring.
have [lo hi] := log_of_batch_mean_bias l0 flow; rewrite W Bt.
have -> : alpha * drawn_variance f / (INR K * drawn_mean f * exp (low / alpha))
  = alpha * (drawn_variance f / (INR K * drawn_mean f * exp (low / alpha))) by rewrite /Rdiv; ring.
have H1 := Rmult_le_compat_l alpha _ _ (Rlt_le _ _ a0) lo; have H2 := Rmult_le_compat_l alpha _ _ (Rlt_le _ _ a0) hi.
lra.
Qed.
End Resampling.

(* ---------- 3. clipping ---------- *)
Section Clipping.
Variables (X : finType) (w : X -> R) (c : R).
Hypotheses (w0 : forall x, 0 <= w x) (c0 : 0 < c).
Definition clipped (x : X) : R := Rmin (w x) c.
Definition excess (x : X) : R := w x - clipped x.

Lemma excess_ge0 x : 0 <= excess x.
Proof. by rewrite /excess /clipped; have := Rmin_l (w x) c; lra. Qed.
Lemma clipped_ge0 x : 0 <= clipped x.
Proof. by apply: Rmin_glb; [|lra]. Qed.

(* the bias of a clipped average is what was cut off; it is bounded by its weight, and the second moment does not grow *)
Theorem clipping_bias (f : X -> R) M : (forall x, Rabs (f x) <= M) ->
  \sum_x (w x * f x) - \sum_x (clipped x * f x) = \sum_x (excess x * f x)
  /\ Rabs (\sum_x (excess x * f x)) <= M * (\sum_x excess x)
  /\ (\sum_x (clipped x * clipped x)) <= \sum_x (w x * w x).
Proof.
move=> fM; split; first by rewrite -sum_sub; apply: eq_bigr => x _; rewrite /excess; ring.
split.
  have T (g : X -> R) : Rabs (\sum_x g x) <= \sum_x Rabs (g x).
    elim/big_ind2: _ => [|a b a' b' H1 H2|x _]; [rewrite Rabs_R0; lra|apply: Rle_trans (Rabs_triang _ _) _; lra|exact: Rle_refl].
  apply: Rle_trans (T _) _; rewrite -sum_scal; apply: sum_le => x _.
  by rewrite Rabs_mult (Rabs_pos_eq _ (excess_ge0 x)) Rmult_comm; apply: Rmult_le_compat_r; [exact: excess_ge0|].
apply: sum_le => x _; have h := Rmin_l (w x) c; have k := clipped_ge0 x.
by apply: Rmult_le_compat => //; exact: h.
Qed.
End Clipping.

(* in (14) the ratio stands before the exponential and, as -alpha ln rho, inside it: clipped in both places it cancels *)
Theorem clipping_in_both_places_cancels (alpha u r c : R) : 0 < alpha -> 0 < r -> 0 < c ->
  Rmin r c * exp ((u - alpha * ln (Rmin r c)) / alpha - 1) = r * exp ((u - alpha * ln r) / alpha - 1).
Proof.
move=> a0 r0 c0; have H v : 0 < v -> v * exp ((u - alpha * ln v) / alpha - 1) = exp (u / alpha - 1).
  move=> v0; have -> : (u - alpha * ln v) / alpha - 1 = (u / alpha - 1) + - ln v by field; lra.
  by rewrite exp_plus exp_Ropp exp_ln //; field; lra.
by rewrite !H //; apply: Rmin_glb_lt.
Qed.

(* ---------- 4. the effective sample size ---------- *)
Section EffectiveSampleSize.
Variable X : finType.
Definition effective_size (w : X -> R) : R := (\sum_x w x) * (\sum_x w x) / \sum_x (w x * w x).
Notation n := (INR #|X|).
Variable w : X -> R.
Hypotheses (w0 : forall x, 0 <= w x) (pos : 0 < \sum_x w x).
Let W := \sum_x w x.
Let n0 : 0 < n.
Proof.
case: (posnP #|X|) => [E|H]; last by apply: lt_0_INR; apply/ltP.
by move: pos; rewrite big1 => [|x _]; [lra|move: (card0_eq E x)].
Qed.

Lemma squares_pos : 0 < \sum_x (w x * w x).
Proof.
apply: Rnot_le_lt => le; have Q x : 0 <= w x * w x by exact: Rle_0_sqr.
have E : \sum_x (w x * w x) = 0 by apply: Rle_antisym => //; exact: sum_ge0.
have Z x : w x = 0 by have := sum_eq0 Q E x => /Rmult_integral[].
by move: pos; rewrite big1 //; lra.
Qed.

(* n / (1 + the relative variance of the weights) *)
Theorem effective_size_relative_variance :
  effective_size w = n / (1 + / n * (\sum_x ((w x / (W / n) - 1) * (w x / (W / n) - 1)))).
Proof.
have sq := squares_pos; have wn : W <> 0 by rewrite /W; lra.
have -> : \sum_x ((w x / (W / n) - 1) * (w x / (W / n) - 1)) = n * n / (W * W) * (\sum_x (w x * w x)) - n.
  rewrite (eq_bigr (fun x => n * n / (W * W) * (w x * w x) - 2 * n / W * w x + 1)) => [|x _]; last by field; split; lra.
  by rewrite sum_add sum_sub !sum_scal sum_const -/W; field.
have nn : n <> 0 by lra.
rewrite /effective_size -/W; set Q := \sum_x (w x * w x) in sq *; have qn : Q <> 0 by lra.
have -> : 1 + / n * (n * n / (W * W) * Q - n) = n * Q / (W * W) by field.
by field.
Qed.

Theorem effective_size_range : 1 <= effective_size w <= n.
Proof.
have sq := squares_pos; split.
  have le : \sum_x (w x * w x) <= W * W.
    rewrite /W -sum_scalr; apply: sum_le => x _; apply: Rmult_le_compat_l => //; exact: sum_ge_term.
  apply: (Rmult_le_reg_r (\sum_x (w x * w x))) => //.
  by rewrite /effective_size -/W /Rdiv Rmult_assoc Rinv_l; lra.
rewrite effective_size_relative_variance; set V := \sum_x _.
have V0 : 0 <= / n * V.
  by apply: Rmult_le_pos; [have := Rinv_0_lt_compat _ n0; lra|apply: sum_ge0 => x _; exact: Rle_0_sqr].
apply: (Rmult_le_reg_r (1 + / n * V)); first by lra.
rewrite /Rdiv Rmult_assoc Rinv_l ?Rmult_1_r; last by lra.
have := Rmult_le_pos n (/ n * V) (Rlt_le _ _ n0) V0; lra.
Qed.

Theorem effective_size_full : effective_size w = n <-> forall x y, w x = w y.
Proof.
split=> [E x y|E].
  move: E; rewrite effective_size_relative_variance; set V := \sum_x _ => E.
  have q z : 0 <= (w z / (W / n) - 1) * (w z / (W / n) - 1) by exact: Rle_0_sqr.
  have V0 : 0 <= V by apply: sum_ge0 => z _; exact: q.
  have iv := Rinv_0_lt_compat _ n0; have p : 0 <= / n * V by apply: Rmult_le_pos; lra.
  have Ez : V = 0.
    have : n * (1 + / n * V) = n.
      by rewrite -{1}E /Rdiv Rmult_assoc Rinv_l; [ring|lra].
    by rewrite Rmult_plus_distr_l -Rmult_assoc Rinv_r; lra.
  have H z : w z = W / n.
    have := sum_eq0 q Ez z => K; have {}K : w z / (W / n) - 1 = 0 by case: (Rmult_integral _ _ K).
    have W0 : 0 < W by exact: pos.
    have -> : w z = w z / (W / n) * (W / n) by field; split; lra.
    have -> : w z / (W / n) = 1 by lra.
    ring.
  by rewrite !H.
case: (pickP (fun _ : X => true)) => [x0 _|none]; last first.
  by move: pos; rewrite big1 => [|x _]; [lra|have := none x].
have c0 : 0 < w x0.
  have := w0 x0; case: (Req_dec (w x0) 0) => [Z|]; last by lra.
  by move: pos; rewrite big1 => [|x _]; [lra|rewrite (E x x0)].
rewrite /effective_size (eq_bigr (fun _ => w x0)) => [|x _]; last exact: E.
rewrite [X in _ / X](eq_bigr (fun _ => w x0 * w x0)) => [|x _]; last by rewrite (E x x0).
by rewrite !sum_const; field; split; lra.
Qed.
End EffectiveSampleSize.

(* clipping raises the effective sample size *)
Theorem clipping_raises_the_effective_size (X : finType) (w : X -> R) c :
  (forall x, 0 <= w x) -> 0 < \sum_x w x -> 0 < c -> effective_size w <= effective_size (clipped w c).
Proof.
move=> w0 pos c0; set v := clipped w c; set W := \sum_x w x; set V := \sum_x v x.
have v0 x : 0 <= v x by exact: clipped_ge0.
have Vpos : 0 < V.
  apply: Rnot_le_lt => le; have E : V = 0 by apply: Rle_antisym => //; exact: sum_ge0.
  have Z x : w x = 0.
    have := sum_eq0 v0 E x; rewrite /v /clipped /Rmin; case: Rle_dec => // _; lra.
  by move: pos; rewrite big1 //; lra.
have VW : V <= W by apply: sum_le => x _; exact: Rmin_l.
have sqv := squares_pos Vpos; have sqw := squares_pos pos.
pose p x := w x / W; pose q x := v x / V.
have p1 : \sum_x p x = 1 by rewrite /p /Rdiv sum_scalr; apply: Rinv_r; apply: Rgt_not_eq; exact: pos.
have q1 : \sum_x q x = 1 by rewrite /q /Rdiv sum_scalr; apply: Rinv_r; apply: Rgt_not_eq; exact: Vpos.
(* sum q (p - q) >= 0: below the threshold p <= q and v <= c, above it v = c *)
have key : 0 <= \sum_x (v x * (p x - q x)).
  have -> : \sum_x (v x * (p x - q x)) = \sum_x ((v x - c) * (p x - q x)).
    rewrite [RHS](eq_bigr (fun x => v x * (p x - q x) - c * (p x - q x))) => [|x _]; last by ring.
    by rewrite sum_sub sum_scal (sum_sub xpredT p) p1 q1; ring.
  apply: sum_ge0 => x _; have := Rmin_l (w x) c; have := Rmin_r (w x) c; rewrite -/(clipped w c x) -/v => h1 h2.
  case: (Rle_lt_dec (w x) c) => [le|lt].
    have E : v x = w x by rewrite /v /clipped Rmin_left.
    have iv : / W <= / V by apply: Rinv_le_contravar.
    have : p x - q x <= 0 by rewrite /p /q E /Rdiv; have := Rmult_le_compat_l (w x) _ _ (w0 x) iv; lra.
    move=> h; have -> : (v x - c) * (p x - q x) = (c - v x) * (q x - p x) by ring.
    by apply: Rmult_le_pos; lra.
  have -> : v x = c by rewrite /v /clipped Rmin_right //; lra.
  by rewrite Rminus_diag_eq // Rmult_0_l; exact: Rle_refl.
have sq : \sum_x (q x * q x) <= \sum_x (p x * p x).
  have : 0 <= \sum_x (2 * / V * (v x * (p x - q x)) + (p x - q x) * (p x - q x)).
    rewrite sum_add sum_scal; apply: Rplus_le_le_0_compat.
      by apply: Rmult_le_pos => //; have := Rinv_0_lt_compat _ Vpos; lra.
    by apply: sum_ge0 => x _; exact: Rle_0_sqr.
  rewrite (eq_bigr (fun x => p x * p x - q x * q x)) => [|x _]; last by rewrite /q; field; lra.
  by rewrite sum_sub; lra.
have form (u : X -> R) U : U = \sum_x u x -> 0 < U -> 0 < \sum_x (u x * u x) ->
    effective_size u = / \sum_x ((u x / U) * (u x / U)).
  move=> EU U0 s0; rewrite /effective_size -EU.
  rewrite [X in / X](eq_bigr (fun x => / (U * U) * (u x * u x))) => [|x _]; last by field; lra.
  by rewrite sum_scal; field; split; lra.
rewrite (form w W) // (form v V) //; apply: Rinv_le_contravar => //.
rewrite (eq_bigr (fun x => / (V * V) * (v x * v x))) => [|x _]; last by rewrite /q; field; lra.
by rewrite sum_scal; apply: Rmult_lt_0_compat => //; apply: Rinv_0_lt_compat; exact: Rmult_lt_0_compat.
Qed.

(* K weights drawn evenly: the plug-in (mean w)^2 is too large by Var(w)/K in the mean, and mean w^2 is unbiased *)
Theorem effective_size_numerator_bias (X : finType) (w : X -> R) (K : nat) : (0 < K)%nat -> (0 < #|X|)%nat ->
  let one (_ : X) := 1 in
  expectation (K := K) one (fun t => batch_mean w t * batch_mean w t)
    = drawn_mean one w * drawn_mean one w + drawn_variance one w / INR K
  /\ expectation (K := K) one (batch_mean (fun x => w x * w x)) = drawn_mean one (fun x => w x * w x).
Proof.
move=> K0 X0 one; have n0 : \sum_x one x <> 0.
  by rewrite sum_const Rmult_1_r; apply: Rgt_not_eq; apply: lt_0_INR; apply/ltP.
split; last exact: batch_mean_expectation.
have V := batch_mean_variance K0 n0 w; set m := drawn_mean one w in V *.
rewrite -V (@expectation_ext X one K (fun t => (batch_mean w t - m) * (batch_mean w t - m))
  (fun t => 1 * (batch_mean w t * batch_mean w t) + (-1) * (2 * m * batch_mean w t + (- (m * m)) * 1))) => [|t]; last by ring.
by rewrite expectation_lin expectation_lin batch_mean_expectation // expectation_const // -/m; ring.
Qed.
