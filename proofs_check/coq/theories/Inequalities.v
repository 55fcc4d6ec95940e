(* The elementary inequalities behind every proof.

     1 + x <= exp x,      ln y <= y - 1  (strict for y <> 1),      convexity of exp,
     Jensen's inequality for exp under finite weights,
     Gibbs:    p - q <= p ln (p/q)                          (p >= 0, q > 0),
     chi^2:    p ln (p/q) <= (p - q)^2 / q + (p - q)        (p >= 0, q > 0).

   The logarithm is Coq's [ln]; the convention 0 ln 0 = 0 holds for it. *)
From Coq Require Import Reals Lra.
From mathcomp Require Import all_ssreflect.
From AlberDICE Require Import RealSums.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Local Open Scope R_scope.

(* Kullback-Leibler divergence of finite nonnegative vectors *)
Definition KL (T : finType) (p q : T -> R) : R := \sum_x (p x * ln (p x / q x)).

Lemma exp_ge (x : R) : 1 + x <= exp x.
Proof. case: (Req_dec x 0) => [->|/exp_ineq1]; rewrite ?exp_0; lra. Qed.

Lemma exp_gt (x : R) : x <> 0 -> 1 + x < exp x.
Proof. by move/exp_ineq1. Qed.

Lemma ln_le (y : R) : 0 < y -> ln y <= y - 1.
Proof. by move=> Hy; have := exp_ge (ln y); rewrite exp_ln //; lra. Qed.

Lemma ln_lt (y : R) : 0 < y -> y <> 1 -> ln y < y - 1.
Proof.
move=> Hy Hn; have : 1 + ln y < exp (ln y).
  apply: exp_gt => E; apply: Hn; by rewrite -(exp_ln y) // E exp_0.
by rewrite exp_ln //; lra.
Qed.

Lemma ln_div (x y : R) : 0 < x -> 0 < y -> ln (x / y) = ln x - ln y.
Proof.
by move=> Hx Hy; rewrite /Rdiv ln_mult ?ln_Rinv //; exact: Rinv_0_lt_compat.
Qed.

(* tangent line of exp at m *)
Lemma exp_tangent (m a : R) : exp m * (1 + (a - m)) <= exp a.
Proof.
have -> : exp a = exp m * exp (a - m) by rewrite -exp_plus; congr exp; lra.
by apply: Rmult_le_compat_l; [have := exp_pos m; lra|exact: exp_ge].
Qed.

Lemma exp_convex (t a b : R) : 0 <= t <= 1 ->
  exp (t * a + (1 - t) * b) <= t * exp a + (1 - t) * exp b.
Proof.
move=> Ht; set m := t * a + _.
have Ha : t * (exp m * (1 + (a - m))) <= t * exp a
  by apply: Rmult_le_compat_l; [lra|exact: exp_tangent].
have Hb : (1 - t) * (exp m * (1 + (b - m))) <= (1 - t) * exp b
  by apply: Rmult_le_compat_l; [lra|exact: exp_tangent].
have E : t * (exp m * (1 + (a - m))) + (1 - t) * (exp m * (1 + (b - m))) = exp m
  by rewrite /m; ring.
lra.
Qed.

(* Jensen for exp under finite weights q (a probability vector) *)
Lemma exp_jensen (T : finType) (q e : T -> R) :
  (forall x, 0 <= q x) -> \sum_x q x = 1 ->
  exp (\sum_x (q x * e x)) <= \sum_x (q x * exp (e x)).
Proof.
move=> q0 q1; set m := \sum_x (q x * e x).
have -> : exp m = \sum_x (q x * (exp m * (1 + (e x - m)))).
  rewrite (eq_bigr (fun x => exp m * ((1 - m) * q x + q x * e x))) => [|x _]; last by ring.
  by rewrite sum_scal sum_add sum_scal q1 -/m; ring.
by apply: sum_le => x _; apply: Rmult_le_compat_l => //; exact: exp_tangent.
Qed.

(* Gibbs: sum p ln(p/q) >= sum p - sum q; and the chi^2 upper bound *)
Lemma gibbs_term (p q : R) : 0 <= p -> 0 < q -> p - q <= p * ln (p / q).
Proof.
move=> p0 q0; case: (Req_dec p 0) => [->|pn]; first by lra.
have pp : 0 < p by lra.
have H : ln (q / p) <= q / p - 1 by apply: ln_le; exact: Rdiv_lt_0_compat.
have E : ln (p / q) = - ln (q / p) by rewrite !ln_div //; ring.
have K : p * ln (q / p) <= p * (q / p - 1) by apply: Rmult_le_compat_l; lra.
have F : p * (q / p - 1) = q - p by field.
rewrite E; lra.
Qed.

Lemma chi2_term (p q : R) : 0 <= p -> 0 < q ->
  p * ln (p / q) <= (p - q) * (p - q) / q + (p - q).
Proof.
move=> p0 q0; case: (Req_dec p 0) => [->|pn].
  have -> : (0 - q) * (0 - q) / q + (0 - q) = 0 by field; lra.
  lra.
have pp : 0 < p by lra.
have -> : (p - q) * (p - q) / q + (p - q) = p * (p / q - 1) by field; lra.
by apply: Rmult_le_compat_l => //; apply: ln_le; exact: Rdiv_lt_0_compat.
Qed.
