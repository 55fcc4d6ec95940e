(* Sequences of reals: limits of finite sums and products, limits of inequalities, continuity of
   x ln(x/m) on [0, oo), and compactness of the unit cube of a finite dimension:

     if 0 <= f_n(x) <= 1 for all x in a finite set T, then f has a subsequence that converges at
     every x in T  (Bolzano-Weierstrass, one coordinate at a time). *)
From Coq Require Import Reals Lra Arith ConstructiveEpsilon.
From mathcomp Require Import all_ssreflect.
From AlberDICE Require Import RealSums Inequalities.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Local Open Scope R_scope.

Lemma Un_cv_ext (f g : nat -> R) l : (forall n, f n = g n) -> Un_cv g l -> Un_cv f l.
Proof. by move=> H C e e0; case: (C e e0) => N HN; exists N => n Hn; rewrite H; exact: HN. Qed.

Lemma Un_cv_const (c : R) : Un_cv (fun _ => c) c.
Proof. by move=> e e0; exists 0%nat => n _; rewrite /R_dist Rminus_diag_eq // Rabs_R0. Qed.

Lemma Un_cv_sum (T : finType) (f : nat -> T -> R) (l : T -> R) :
  (forall x, Un_cv (fun n => f n x) (l x)) -> Un_cv (fun n => \sum_x f n x) (\sum_x l x).
Proof.
move=> H; elim: (index_enum T) => [|x s IH].
  by rewrite big_nil; apply: (Un_cv_ext _ (Un_cv_const 0)) => n; rewrite big_nil.
rewrite big_cons; apply: (Un_cv_ext (g := fun n => f n x + \big[Rplus/0]_(j <- s) f n j)).
  by move=> n; rewrite big_cons.
exact: CV_plus.
Qed.

(* limits preserve <= *)
Lemma Un_cv_le f g a b : (forall n, f n <= g n) -> Un_cv f a -> Un_cv g b -> a <= b.
Proof.
move=> H Ha Hb; apply: Rnot_lt_le => ba.
have e0 : (a - b) / 2 > 0 by lra.
case: (Ha _ e0) => n1 H1; case: (Hb _ e0) => n2 H2.
have := H1 (n1 + n2)%coq_nat (Nat.le_add_r _ _).
have := H2 (n1 + n2)%coq_nat (Nat.le_add_l _ _).
rewrite /R_dist => /Rabs_def2 A2 /Rabs_def2 A1; have := H (n1 + n2)%coq_nat; lra.
Qed.

Lemma Un_cv_squeeze (f g : nat -> R) :
  (forall n, 0 <= f n <= g n) -> Un_cv g 0 -> Un_cv f 0.
Proof.
move=> H C e e0; case: (C e e0) => N HN; exists N => n Hn; have := HN n Hn.
have := H n; rewrite /R_dist !Rminus_0_r => Hfg.
by rewrite !Rabs_pos_eq; lra.
Qed.

Lemma Un_cv_prod_seq (T : finType) (s : seq T) (f : nat -> T -> R) (l : T -> R) (Q : pred T) :
  (forall x, Un_cv (fun n => f n x) (l x)) ->
  Un_cv (fun n => \big[Rmult/1]_(x <- s | Q x) f n x) (\big[Rmult/1]_(x <- s | Q x) l x).
Proof.
move=> H; elim: s => [|x s IH].
  by rewrite big_nil; apply: (Un_cv_ext _ (Un_cv_const 1)) => n; rewrite big_nil.
rewrite big_cons; case E : (Q x); last first.
  by apply: (Un_cv_ext _ IH) => n; rewrite big_cons E.
apply: (Un_cv_ext (g := fun n => f n x * \big[Rmult/1]_(j <- s | Q j) f n j)).
  by move=> n; rewrite big_cons E.
exact: CV_mult.
Qed.

Lemma Un_cv_abs0 (f : nat -> R) l : Un_cv f l -> Un_cv (fun n => Rabs (f n - l)) 0.
Proof.
move=> C e e0; case: (C e e0) => N HN; exists N => n Hn; have := HN n Hn.
by rewrite /R_dist Rminus_0_r Rabs_Rabsolu.
Qed.

Lemma Un_cv_of_abs0 (f : nat -> R) l : Un_cv (fun n => Rabs (f n - l)) 0 -> Un_cv f l.
Proof.
move=> C e e0; case: (C e e0) => N HN; exists N => n Hn; have := HN n Hn.
by rewrite /R_dist Rminus_0_r Rabs_Rabsolu.
Qed.

(* x ln(x/m) is sequentially continuous on [0, oo) *)
Lemma xlnx_bound x m : 0 <= x -> 0 < m -> Rabs (x * ln (x / m)) <= 2 * sqrt (x * m) + x * (x / m).
Proof.
move=> x0 m0; case: (Req_dec x 0) => [->|xn].
  by rewrite !Rmult_0_l sqrt_0 Rabs_R0; lra.
have xp : 0 < x by lra.
have q0 : 0 < x / m by exact: Rdiv_lt_0_compat.
have U : x * ln (x / m) <= x * (x / m - 1) by apply: Rmult_le_compat_l => //; exact: ln_le.
have s0 : 0 < sqrt (m / x) by apply: sqrt_lt_R0; exact: Rdiv_lt_0_compat.
have E : ln (m / x) = 2 * ln (sqrt (m / x)).
  have -> : m / x = sqrt (m / x) * sqrt (m / x).
    by rewrite sqrt_sqrt //; apply: Rlt_le; exact: Rdiv_lt_0_compat.
  by rewrite ln_mult // sqrt_square; lra.
have V : - (x * ln (x / m)) <= 2 * (x * sqrt (m / x)) - 2 * x.
  have -> : - (x * ln (x / m)) = x * ln (m / x) by rewrite !ln_div //; ring.
  have K := ln_le s0; rewrite E.
  have : x * ln (sqrt (m / x)) <= x * (sqrt (m / x) - 1) by apply: Rmult_le_compat_l; lra.
  lra.
have W : x * sqrt (m / x) = sqrt (x * m).
  have -> : x * m = (x * x) * (m / x) by field; lra.
  by rewrite sqrt_mult ?sqrt_square //; [apply: Rle_0_sqr|apply: Rlt_le; exact: Rdiv_lt_0_compat].
have X : 0 <= sqrt (x * m) by exact: sqrt_pos.
have Y : 0 <= x * (x / m) by apply: Rmult_le_pos; lra.
by apply: Rabs_le; rewrite W in V; lra.
Qed.

Lemma xlnx_cv (f : nat -> R) l m : (forall n, 0 <= f n) -> 0 <= l -> 0 < m -> Un_cv f l ->
  Un_cv (fun n => f n * ln (f n / m)) (l * ln (l / m)).
Proof.
move=> f0 l0 m0 C; case: (Req_dec l 0) => [E|ln0].
  rewrite E Rmult_0_l in C *; apply: Un_cv_of_abs0.
  apply: (Un_cv_squeeze (g := fun n => 2 * sqrt (f n * m) + f n * (f n / m))).
    by move=> n; split; [exact: Rabs_pos|rewrite Rminus_0_r; exact: xlnx_bound].
  have -> : 0 = 2 * sqrt (0 * m) + 0 * (0 / m) by rewrite Rmult_0_l sqrt_0; lra.
  have Cm : Un_cv (fun n => f n * m) (0 * m) by apply: CV_mult => //; exact: Un_cv_const.
  apply: CV_plus.
    apply: CV_mult; first exact: Un_cv_const.
    apply: (continuity_seq sqrt _ _ _ Cm); apply: continuity_pt_sqrt; lra.
  by apply: CV_mult => //; apply: CV_mult => //; exact: Un_cv_const.
have lp : 0 < l by lra.
apply: CV_mult => //.
have D : Un_cv (fun n => f n / m) (l / m) by apply: CV_mult => //; exact: Un_cv_const.
apply: (continuity_seq ln _ _ _ D); apply: derivable_continuous_pt.
by exists (/ (l / m)); apply: derivable_pt_lim_ln; exact: Rdiv_lt_0_compat.
Qed.

(* ---- compactness ---- *)
Definition subsequence (phi : nat -> nat) : Prop := forall n, (phi n < phi n.+1)%coq_nat.

Lemma subsequence_ge phi : subsequence phi -> forall n, (n <= phi n)%coq_nat.
Proof.
move=> H; elim=> [|n IH]; first exact: Nat.le_0_l.
exact: Nat.le_lt_trans IH (H n).
Qed.

Lemma subsequence_lt phi : subsequence phi -> forall m n, (m < n)%coq_nat -> (phi m < phi n)%coq_nat.
Proof.
move=> H m n; elim: n => [|n IH] mn; first by case: (Nat.nlt_0_r _ mn).
case: (Nat.eq_dec m n) => [->|ne]; first exact: H.
apply: Nat.lt_trans (IH _) (H n).
by case: (proj1 (Nat.lt_succ_r _ _) mn) ne => // k kn _; exact: le_n_S.
Qed.

Lemma subsequence_comp phi psi :
  subsequence phi -> subsequence psi -> subsequence (fun n => phi (psi n)).
Proof. by move=> Hp Hs n; apply: subsequence_lt. Qed.

Lemma Un_cv_subsequence f l phi : subsequence phi -> Un_cv f l -> Un_cv (fun n => f (phi n)) l.
Proof.
move=> H C e e0; case: (C e e0) => N HN; exists N => n Hn; apply: HN.
exact: Nat.le_trans Hn (subsequence_ge H n).
Qed.

Lemma bounded_has_convergent_subsequence (f : nat -> R) : (forall n, 0 <= f n <= 1) ->
  exists phi, subsequence phi /\ exists l, Un_cv (fun n => f (phi n)) l.
Proof.
move=> B.
have [l Hl] := Bolzano_Weierstrass f (fun c => 0 <= c <= 1) (compact_P3 0 1) B.
pose good (n N p : nat) := (N < p)%coq_nat /\ Rabs (f p - l) < / INR n.+1.
have ex n N : exists p, good n N p.
  have e0 : 0 < / INR n.+1 by apply: Rinv_0_lt_compat; apply: lt_0_INR; exact: Nat.lt_0_succ.
  have nb : neighbourhood (disc l (mkposreal _ e0)) l by exists (mkposreal _ e0).
  by have [p [Hp Hd]] := Hl _ N.+1 nb; exists p.
have dec n N p : {good n N p} + {~ good n N p}.
  case: (lt_dec N p) => A1; last by right=> -[].
  by case: (Rlt_dec (Rabs (f p - l)) (/ INR n.+1)) => A2; [left|right=> -[]].
pose next n N := proj1_sig (constructive_indefinite_ground_description_nat _ (dec n N) (ex n N)).
have nextP n N : good n N (next n N) by rewrite /next; case: constructive_indefinite_ground_description_nat.
pose phi := fix phi n := if n is n'.+1 then next n'.+1 (phi n') else next 0%nat 0%nat.
exists phi; split; first by move=> n; have [] := nextP n.+1 (phi n).
have close n : Rabs (f (phi n) - l) < / INR n.+1.
  by case: n => [|n]; [case: (nextP 0%nat 0%nat)|case: (nextP n.+1 (phi n))].
exists l => e e0; have [N [HN N0]] := archimed_cor1 e e0; exists N => n Hn.
apply: Rlt_trans (close n) _; apply: Rle_lt_trans HN.
apply: Rinv_le_contravar; first by apply: lt_0_INR.
by apply: le_INR; apply: le_S.
Qed.

Theorem cube_compact (T : finType) (f : nat -> T -> R) : (forall n x, 0 <= f n x <= 1) ->
  exists phi, subsequence phi /\ forall x, exists l, Un_cv (fun n => f (phi n) x) l.
Proof.
move=> B.
suff H (s : seq T) : exists phi, subsequence phi /\
    forall x, x \in s -> exists l, Un_cv (fun n => f (phi n) x) l.
  have [phi [Hp Hc]] := H (enum T); exists phi; split=> // x; apply: Hc; exact: mem_enum.
elim: s => [|y s [phi [Hp Hc]]].
  by exists (fun n => n); split=> // n; exact: Nat.lt_succ_diag_r.
have [psi [Hs [l Hl]]] := @bounded_has_convergent_subsequence (fun n => f (phi n) y) (fun n => B _ _).
exists (fun n => phi (psi n)); split; first exact: subsequence_comp.
move=> x; rewrite in_cons => /orP[/eqP ->|xs]; first by exists l.
by have [l' Hl'] := Hc x xs; exists l'; apply: (Un_cv_subsequence Hs Hl').
Qed.
