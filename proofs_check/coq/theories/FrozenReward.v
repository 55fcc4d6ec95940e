(* A KL-regularised linear objective over a convex set C of nonnegative vectors of equal mass:

        F(p) = \sum_x p(x) u(x) - alpha KL(p || m),        alpha > 0, m > 0.

   (a) a maximiser has full relative support: it is positive wherever some point of C is;
   (b) p* maximises F over C  iff  p* has full relative support and maximises over C the LINEAR
       objective whose reward is frozen at p*,  r~ = u - alpha ln(p*/m);
   (c) the maximiser is unique.
   Only ln y <= y - 1 is used, no calculus.  (b) is what "Nash policy of the modified MMDP" means
   in Theorem 4.2: the reward r~ depends on the policy, so it has to be frozen at pi*. *)
From Coq Require Import Reals Lra.
From mathcomp Require Import all_ssreflect.
From AlberDICE Require Import RealSums Inequalities.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Local Open Scope R_scope.

(* t a <= c t^2 for every t in (0,1] forces a <= 0 *)
Lemma slope_le0 (a c : R) : 0 <= c -> (forall t, 0 < t <= 1 -> t * a <= t * t * c) -> a <= 0.
Proof.
move=> c0 H; apply: Rnot_lt_le => a0.
pose t := Rmin 1 (a / (2 * (c + 1))).
have q0 : 0 < a / (2 * (c + 1)) by apply: Rdiv_lt_0_compat; lra.
have t0 : 0 < t by apply: Rmin_glb_lt; lra.
have t1 : t <= 1 by exact: Rmin_l.
have t2 : t <= a / (2 * (c + 1)) by exact: Rmin_r.
have K : t * a <= t * (t * c) by have := H t (conj t0 t1); lra.
have {}K : a <= t * c by apply: (Rmult_le_reg_l t).
have M : t * (c + 1) <= a / 2.
  have -> : a / 2 = a / (2 * (c + 1)) * (c + 1) by field; lra.
  by apply: Rmult_le_compat_r; lra.
lra.
Qed.

(* x -> x ln x beats every line at 0: -ln t is unbounded *)
Lemma ln_unbounded (M : R) : exists t, 0 < t <= 1 /\ M < - ln t.
Proof.
exists (exp (- (Rabs M + 1))); split; last first.
  by rewrite ln_exp; have := Rle_abs M; lra.
split; first exact: exp_pos.
have := exp_increasing (- (Rabs M + 1)) 0; rewrite exp_0; have := Rabs_pos M; lra.
Qed.

Section FrozenReward.
Variables (T : finType) (u m : T -> R) (alpha : R) (C : (T -> R) -> Prop).
Hypotheses (alpha0 : 0 < alpha) (m0 : forall x, 0 < m x)
  (C0 : forall p, C p -> forall x, 0 <= p x)
  (Cmass : forall p q, C p -> C q -> \sum_x p x = \sum_x q x)
  (Cconv : forall p q t, C p -> C q -> 0 <= t <= 1 -> C (fun x => (1 - t) * p x + t * q x)).

Definition regularised (p : T -> R) : R := \sum_x (p x * u x) - alpha * KL p m.
Definition frozen_reward (ps : T -> R) (x : T) : R := u x - alpha * ln (ps x / m x).
Definition linear_return (rw p : T -> R) : R := \sum_x (p x * rw x).
Definition maximises (g : (T -> R) -> R) (ps : T -> R) : Prop :=
  C ps /\ forall p, C p -> g p <= g ps.
Definition full_support (ps : T -> R) : Prop := forall p, C p -> forall x, ps x = 0 -> p x = 0.

Lemma regularised_is_frozen_return ps : regularised ps = linear_return (frozen_reward ps) ps.
Proof. by rewrite /regularised /linear_return /frozen_reward -sum_scal -sum_sub; apply: eq_bigr => x _; ring. Qed.

Lemma pos_of_support ps : C ps -> full_support ps ->
  forall p, C p -> forall x, p x = 0 \/ (0 < ps x).
Proof.
move=> Cs H p Cp x; case: (Req_dec (ps x) 0) => [E|N]; first by left; exact: (H p).
by right; have := C0 Cs x; lra.
Qed.

(* the exact decomposition: regularised p = (frozen return of p) - alpha KL(p || ps) *)
Lemma regularised_decomposition ps p : C ps -> full_support ps -> C p ->
  regularised p = linear_return (frozen_reward ps) p - alpha * KL p ps.
Proof.
move=> Cs H Cp; rewrite /regularised /linear_return /KL -!sum_scal -!sum_sub; apply: eq_bigr => x _.
case: (pos_of_support Cs H Cp x) => [->|psx]; first by ring.
case: (Req_dec (p x) 0) => [->|N]; first by ring.
have px : 0 < p x by have := C0 Cp x; lra.
by rewrite /frozen_reward !ln_div //; ring.
Qed.

Lemma KL_ge0 ps p : C ps -> full_support ps -> C p -> 0 <= KL p ps.
Proof.
move=> Cs H Cp; have -> : 0 = \sum_x (p x - ps x) by rewrite sum_sub (Cmass Cp Cs); lra.
apply: sum_le => x _; case: (pos_of_support Cs H Cp x) => [E|psx].
  by rewrite E; have := C0 Cs x; lra.
by apply: gibbs_term => //; exact: C0.
Qed.

(* sufficiency: best response for the frozen reward -> maximiser of regularised *)
Theorem frozen_best_response_sufficient ps :
  full_support ps -> maximises (linear_return (frozen_reward ps)) ps -> maximises regularised ps.
Proof.
move=> H [Cs M]; split=> // p Cp.
rewrite (regularised_decomposition Cs H Cp) regularised_is_frozen_return.
have K : 0 <= alpha * KL p ps by apply: Rmult_le_pos; [lra|exact: KL_ge0].
have := M p Cp; lra.
Qed.

(* necessity *)
Theorem frozen_best_response_necessary ps :
  full_support ps -> maximises regularised ps -> maximises (linear_return (frozen_reward ps)) ps.
Proof.
move=> H [Cs M]; split=> // p Cp.
pose q t x := (1 - t) * ps x + t * p x.
have Cq t : 0 <= t <= 1 -> C (q t) by exact: Cconv.
pose c := \sum_x ((p x - ps x) * (p x - ps x) / ps x).
have c_term x : 0 <= (p x - ps x) * (p x - ps x) / ps x.
  case: (pos_of_support Cs H Cs x) => [E|psx].
    by rewrite (H _ Cp _ E) E; rewrite /Rdiv; lra.
  by apply: Rmult_le_pos; [exact: Rle_0_sqr|have := Rinv_0_lt_compat _ psx; lra].
have c0 : 0 <= alpha * c by apply: Rmult_le_pos; [lra|apply: sum_ge0].
have KLq t : 0 < t <= 1 -> KL (q t) ps <= t * t * c.
  move=> Ht; have Cqt : C (q t) by apply: Cq; lra.
  have -> : t * t * c = \sum_x (t * t * ((p x - ps x) * (p x - ps x) / ps x) + (q t x - ps x)).
    by rewrite sum_add sum_scal sum_sub (Cmass Cqt Cs) -/c; ring.
  apply: sum_le => x _; case: (pos_of_support Cs H Cs x) => [E|psx].
    by rewrite /q (H _ Cp _ E) E /Rdiv; lra.
  have := @chi2_term (q t x) (ps x) (C0 Cqt x) psx.
  have -> : (q t x - ps x) * (q t x - ps x) / ps x = t * t * ((p x - ps x) * (p x - ps x) / ps x).
    by rewrite /q; field; lra.
  lra.
have lin t : linear_return (frozen_reward ps) (q t)
           = linear_return (frozen_reward ps) ps
             + t * (linear_return (frozen_reward ps) p - linear_return (frozen_reward ps) ps).
  rewrite /linear_return -sum_sub -sum_scal -sum_add; apply: eq_bigr => x _; rewrite /q; ring.
suff : linear_return (frozen_reward ps) p - linear_return (frozen_reward ps) ps <= 0 by lra.
apply: (slope_le0 c0) => t Ht.
have Cqt : C (q t) by apply: Cq; lra.
have := M _ Cqt; rewrite (regularised_decomposition Cs H Cqt) regularised_is_frozen_return lin.
have : alpha * KL (q t) ps <= alpha * (t * t * c).
  by apply: Rmult_le_compat_l; [lra|exact: KLq].
lra.
Qed.

(* a maximiser has full relative support: alpha > 0 keeps it away from the faces of C *)
Lemma xlnx_convex (a b mm t : R) : 0 <= a -> 0 <= b -> 0 < mm -> 0 <= t <= 1 ->
  ((1 - t) * a + t * b) * ln (((1 - t) * a + t * b) / mm)
  <= (1 - t) * (a * ln (a / mm)) + t * (b * ln (b / mm)).
Proof.
move=> a0 b0 mm0 Ht; set z := (1 - t) * a + t * b.
have za : 0 <= (1 - t) * a by apply: Rmult_le_pos; lra.
have zb : 0 <= t * b by apply: Rmult_le_pos; lra.
case: (Req_dec z 0) => [z0|zn].
  have Ea : (1 - t) * a = 0 by rewrite /z in z0; lra.
  have Eb : t * b = 0 by rewrite /z in z0; lra.
  have Ta : (1 - t) * (a * ln (a / mm)) = 0 by rewrite -Rmult_assoc Ea; lra.
  have Tb : t * (b * ln (b / mm)) = 0 by rewrite -Rmult_assoc Eb; lra.
  rewrite z0 Ta Tb; lra.
have zp : 0 < z by rewrite /z in zn *; lra.
have tang w : 0 <= w -> w * ln (z / mm) + (w - z) <= w * ln (w / mm).
  move=> w0; have := gibbs_term w0 zp; case: (Req_dec w 0) => [->|wn]; first by lra.
  have wp : 0 < w by lra.
  by rewrite !ln_div //; lra.
have A : (1 - t) * (a * ln (z / mm) + (a - z)) <= (1 - t) * (a * ln (a / mm))
  by apply: Rmult_le_compat_l; [lra|exact: tang].
have Bb : t * (b * ln (z / mm) + (b - z)) <= t * (b * ln (b / mm))
  by apply: Rmult_le_compat_l; [lra|exact: tang].
have E : (1 - t) * (a * ln (z / mm) + (a - z)) + t * (b * ln (z / mm) + (b - z)) = z * ln (z / mm).
  by rewrite /z; ring.
lra.
Qed.

Theorem maximiser_full_support ps : maximises regularised ps -> full_support ps.
Proof.
move=> [Cs M] p Cp x0 E0; case: (Req_dec (p x0) 0) => // N; exfalso.
have px0 : 0 < p x0 by have := C0 Cp x0; lra.
have apx : 0 < alpha * p x0 by exact: Rmult_lt_0_compat.
case: (ln_unbounded ((regularised ps - regularised p) / (alpha * p x0))) => t [Ht Hln].
pose q x := (1 - t) * ps x + t * p x.
have Cq : C q by apply: Cconv => //; lra.
have := M q Cq; apply: Rlt_not_le.
(* regularised q >= (1-t) regularised ps + t regularised p - alpha t p(x0) ln t *)
have low : \sum_x (q x * ln (q x / m x)) <=
   (1 - t) * (\sum_x (ps x * ln (ps x / m x))) + t * (\sum_x (p x * ln (p x / m x))) + t * p x0 * ln t.
  rewrite -!sum_scal -sum_add (bigD1 x0) //= [X in _ <= X + _](bigD1 x0) //=.
  have -> : q x0 * ln (q x0 / m x0)
     = (1 - t) * (ps x0 * ln (ps x0 / m x0)) + t * (p x0 * ln (p x0 / m x0)) + t * p x0 * ln t.
    rewrite /q E0 !Rmult_0_r Rmult_0_l !Rmult_0_r !Rplus_0_l !ln_div // ?ln_mult //; try lra; try ring.
    by apply: Rmult_lt_0_compat; lra.
  have : \sum_(x | x != x0) (q x * ln (q x / m x)) <=
         \sum_(x | x != x0) ((1 - t) * (ps x * ln (ps x / m x)) + t * (p x * ln (p x / m x))).
    by apply: sum_le => x _; apply: xlnx_convex => //; [exact: C0 Cs x|exact: C0 Cp x|lra].
  lra.
have lin : \sum_x (q x * u x) = (1 - t) * (\sum_x (ps x * u x)) + t * (\sum_x (p x * u x)).
  by rewrite -!sum_scal -sum_add; apply: eq_bigr => x _; rewrite /q; ring.
have gap : regularised ps - regularised p < alpha * p x0 * (- ln t).
  have -> : regularised ps - regularised p
          = alpha * p x0 * ((regularised ps - regularised p) / (alpha * p x0)) by field; lra.
  exact: Rmult_lt_compat_l.
have tg : t * (regularised ps - regularised p) < t * (alpha * p x0 * (- ln t)) by apply: Rmult_lt_compat_l; lra.
have lowa := Rmult_le_compat_l alpha _ _ (Rlt_le _ _ alpha0) low.
rewrite {2}/regularised lin; move: tg lowa; rewrite /regularised /KL; lra.
Qed.

Theorem maximiser_iff ps :
  maximises regularised ps <-> full_support ps /\ maximises (linear_return (frozen_reward ps)) ps.
Proof.
split=> [H|[H M]]; last exact: frozen_best_response_sufficient.
have FS := maximiser_full_support H; split=> //; exact: frozen_best_response_necessary.
Qed.

(* uniqueness of the regularised best response *)
Theorem maximiser_unique ps pt : maximises regularised ps -> maximises regularised pt -> forall x, ps x = pt x.
Proof.
move=> Hs Ht; have FS := maximiser_full_support Hs.
have [Cs Ms] := frozen_best_response_necessary FS Hs.
case: (Hs) => _ Hs'; case: (Ht) => Ct Ht'.
have E : regularised pt = regularised ps by apply: Rle_antisym; [exact: Hs'|exact: Ht'].
have K : KL pt ps <= 0.
  have := regularised_decomposition Cs FS Ct; have := Ms _ Ct; rewrite -regularised_is_frozen_return => A Bq.
  have : alpha * KL pt ps <= alpha * 0 by lra.
  by move/(Rmult_le_reg_l alpha); apply.
have K0 := KL_ge0 Cs FS Ct.
have tle x : pt x - ps x <= pt x * ln (pt x / ps x).
  case: (pos_of_support Cs FS Ct x) => [Ex|psx]; first by rewrite Ex; have := C0 Cs x; lra.
  by apply: gibbs_term => //; exact: C0.
have teq : \sum_x (pt x - ps x) = \sum_x (pt x * ln (pt x / ps x)).
  by rewrite sum_sub (Cmass Ct Cs) -/(KL pt ps); lra.
move=> x; have := sum_eq_le tle teq x; case: (pos_of_support Cs FS Ct x) => [Ex|psx].
  by rewrite Ex; lra.
case: (Req_dec (pt x) 0) => [->|N]; first by lra.
have px : 0 < pt x by have := C0 Ct x; lra.
case: (Req_dec (ps x / pt x) 1) => [D _|D Eq].
  have -> : ps x = ps x / pt x * pt x by field; lra.
  by rewrite D; lra.
have := ln_lt (Rdiv_lt_0_compat _ _ psx px) D.
have Q : pt x * (ln (ps x / pt x)) = pt x * (ps x / pt x - 1).
  have -> : pt x * (ps x / pt x - 1) = ps x - pt x by field; lra.
  by move: Eq; rewrite !ln_div //; lra.
move/(Rmult_eq_reg_l (pt x)): Q => Q; rewrite Q; lra.
Qed.
End FrozenReward.
