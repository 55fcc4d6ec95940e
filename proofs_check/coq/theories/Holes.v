(* Data with holes (d^D = 0 somewhere), and alpha to 0.

   1. The objective (2) as an extended real: -infinity (None) unless d << d^D.  It is the limit of the finite values: with positive data
      that tend to d^D, the objective of a d that charges a hole falls below every number.
   2. alpha to 0 inside the data: what is eps-optimal at alpha among the points inside the data is (eps + alpha ln(1/min d^D))-optimal
      among them for the plain return, the minimum over d^D > 0.  Points outside may gain any amount: nothing bounds them.
   3. alpha to 0 for one agent: the best responses tend to the optimal point of least divergence from the data. *)
From Coq Require Import Reals Lra Arith.
From mathcomp Require Import all_ssreflect.
From AlberDICE Require Import RealSums Inequalities Limits Lemma41 FrozenReward RegularisedLP Counterexamples.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Local Open Scope R_scope.

Section Holes.
Variables (T : finType) (u m : T -> R).
Implicit Types p : T -> R.
Definition inside p : Prop := forall x, m x = 0 -> p x = 0.
Definition charges_a_hole p : bool := [exists x, (Req_EM_T (m x) 0 : bool) && ~~ (Req_EM_T (p x) 0 : bool)].

(* (2) in the extended reals: None is -infinity *)
Definition extended_objective alpha p : option R := if charges_a_hole p then None else Some (regularised u m alpha p).

Lemma insideP p : inside p <-> charges_a_hole p = false.
Proof.
split=> [H|none x mx].
  apply/negbTE; rewrite negb_exists; apply/forallP => x.
  by case: Req_EM_T => //= mx; rewrite negbK; case: Req_EM_T => // n; case: n; exact: H.
by have /existsP := negbT none => K; case: (Req_EM_T (p x) 0) => // n; case: K; exists x; do 2![case: Req_EM_T => //=].
Qed.
Theorem minus_infinity_iff_outside alpha p : extended_objective alpha p = None <-> ~ inside p.
Proof.
by rewrite /extended_objective insideP; case: (charges_a_hole p).
Qed.
End Holes.

(* 1. the finite objectives tend to -infinity *)
Theorem objective_tends_to_minus_infinity (T : finType) (u p : T -> R) (m : nat -> T -> R) alpha x0 :
  0 < alpha -> (forall x, 0 <= p x) -> (forall n x, 0 < m n x <= 1) -> 0 < p x0 -> Un_cv (fun n => m n x0) 0 ->
  forall M, exists N, forall n, (N <= n)%coq_nat -> regularised u (m n) alpha p < M.
Proof.
move=> a0 p0 m01 px C M.
have apx : 0 < alpha * p x0 by exact: Rmult_lt_0_compat.
pose c := \sum_x (p x * u x) - alpha * (\sum_(x | x != x0) (p x * ln (p x))) - alpha * (p x0 * ln (p x0)).
have [t [[t0 t1] lt]] := ln_unbounded (Rabs ((c - M) / (alpha * p x0))).
have [N HN] := C t t0; exists N => n Hn; have := HN n Hn; rewrite /R_dist Rminus_0_r.
have [mn0 mn1] := m01 n x0; rewrite Rabs_pos_eq; last by lra.
move=> mt; have L : Rabs ((c - M) / (alpha * p x0)) < - ln (m n x0) by have := ln_increasing _ _ mn0 mt; lra.
have up : regularised u (m n) alpha p <= c + alpha * p x0 * ln (m n x0).
  have E : KL p (m n) = p x0 * ln (p x0) - p x0 * ln (m n x0) + \sum_(x | x != x0) (p x * ln (p x / m n x)).
    by rewrite /KL (bigD1 x0) //= ln_div //; ring.
  rewrite /regularised E.
  have : \sum_(x | x != x0) (p x * ln (p x)) <= \sum_(x | x != x0) (p x * ln (p x / m n x)).
    apply: sum_le => x _; case: (Req_dec (p x) 0) => [->|pn]; first by rewrite !Rmult_0_l; lra.
    have pp : 0 < p x by have := p0 x; lra.
    apply: Rmult_le_compat_l; first by lra.
    have [h1 h2] := m01 n x; rewrite ln_div //; have := ln_le h1; lra.
  move/(Rmult_le_compat_l alpha _ _ (Rlt_le _ _ a0)); rewrite /c; lra.
have K := Rmult_lt_compat_l _ _ _ apx L.
have := Rmult_le_compat_l _ _ _ (Rlt_le _ _ apx) (Rle_abs ((c - M) / (alpha * p x0))).
have -> : alpha * p x0 * ((c - M) / (alpha * p x0)) = c - M by field; lra.
lra.
Qed.

(* XOR data {AB, BA} and a partner who mixes: (2) is -infinity whatever agent 1 plays *)
Definition xor_data (x : unit * two_agents) : R := if x.2 false == x.2 true then 0 else 1/2.
Theorem no_response_is_finite_off_the_data (u : unit * two_agents -> R) (alpha q p : R) : 0 < q < 1 -> 0 <= p <= 1 ->
  extended_objective u xor_data alpha
    (fun x => joint_prob (A := bool_actions) (fun (j : bool) (_ : unit) => coin (if j then q else p)) x.1 x.2) = None.
Proof.
move=> Hq Hp; apply/minus_infinity_iff_outside => H.
have [a [E pos]] := no_feasible_response_off_the_data Hq Hp.
by have := H (tt, a); rewrite /xor_data /= E eqxx => /(_ erefl) Z; rewrite Z in pos; lra.
Qed.

(* 2. alpha to 0 inside the data *)
Section AlphaToZero.
Variables (T : finType) (u m : T -> R) (alpha eps low : R) (C : (T -> R) -> Prop).
Hypotheses (alpha0 : 0 <= alpha) (m0 : forall x, 0 <= m x) (m1 : \sum_x m x = 1) (low0 : 0 < low)
  (m_low : forall x, m x = 0 \/ low <= m x)
  (C0 : forall p, C p -> forall x, 0 <= p x) (C1 : forall p, C p -> \sum_x p x = 1).

Lemma divergence_inside p : C p -> inside m p -> 0 <= KL p m <= ln (/ low).
Proof.
move=> Cp ins; have p0 := C0 Cp; have p1 := C1 Cp; split.
  have -> : 0 = \sum_x (p x - m x) by rewrite sum_sub p1 m1; lra.
  apply: sum_le => x _; case: (m_low x) => [E|le]; last by apply: gibbs_term => //; lra.
  by rewrite (ins x E) E; lra.
have -> : ln (/ low) = \sum_x (p x * ln (/ low)) by rewrite sum_scalr p1; ring.
apply: sum_le => x _; case: (Req_dec (p x) 0) => [->|pn]; first by rewrite !Rmult_0_l; exact: Rle_refl.
have pp : 0 < p x by have := p0 x; lra.
case: (m_low x) => [/ins E|le]; first by rewrite E in pp; lra.
have mx : 0 < m x by lra.
have px1 : p x <= 1 by rewrite -p1; exact: sum_ge_term.
apply: Rmult_le_compat_l => //.
have b : p x / m x <= / low.
  apply: (Rle_trans _ (1 / m x)).
    by apply: Rmult_le_compat_r => //; apply: Rlt_le; exact: Rinv_0_lt_compat.
  by rewrite /Rdiv Rmult_1_l; exact: Rinv_le_contravar.
case: (Rle_lt_or_eq_dec _ _ b) => [lt|->]; last exact: Rle_refl.
by apply: Rlt_le; apply: ln_increasing => //; exact: Rdiv_lt_0_compat.
Qed.

Theorem alpha_optimal_inside_the_data ps : C ps -> inside m ps ->
  (forall p, C p -> inside m p -> regularised u m alpha p <= regularised u m alpha ps + eps) ->
  forall p, C p -> inside m p -> linear_return u p <= linear_return u ps + (eps + alpha * ln (/ low)).
Proof.
move=> Cs is_ opt p Cp ip; have [k0 _] := divergence_inside Cs is_; have [_ k1] := divergence_inside Cp ip.
have := opt p Cp ip; rewrite /regularised -/(linear_return u p) -/(linear_return u ps).
have := Rmult_le_compat_l alpha _ _ alpha0 k0; have := Rmult_le_compat_l alpha _ _ alpha0 k1; lra.
Qed.
End AlphaToZero.

(* ... for an agent's LP (2)-(3) *)
Theorem alpha_response_inside_the_data (I S : finType) (A : I -> finType) (P : S * joint_action A -> S -> R) (p0 : S -> R)
    (gamma alpha eps low : R) (r dD : S * joint_action A -> R) (pi : forall i, S -> A i -> R) (i : I) ds :
  (forall x, \sum_s P x s = 1) -> \sum_s p0 s = 1 -> gamma < 1 -> 0 <= alpha ->
  (forall j s b, 0 <= pi j s b) -> (forall x, 0 <= dD x) -> \sum_x dD x = 1 -> 0 < low -> (forall x, dD x = 0 \/ low <= dD x) ->
  feasible P p0 gamma pi i ds -> inside dD ds ->
  (forall d, feasible P p0 gamma pi i d -> inside dD d -> joint_objective alpha r dD d <= joint_objective alpha r dD ds + eps) ->
  forall d, feasible P p0 gamma pi i d -> inside dD d -> linear_return r d <= linear_return r ds + (eps + alpha * ln (/ low)).
Proof.
move=> P1 p01 g1 a0 pi0 d0 d1 l0 dl Fs is_ opt.
apply: (@alpha_optimal_inside_the_data _ r dD alpha eps low (feasible P p0 gamma pi i)) => //.
- by move=> p Hp x; apply: feasible_ge0 Hp x.
- by move=> p [d_i [_ _ H]]; apply: (flow_mass P1 p01 g1 H).
Qed.

(* nothing bounds what a deviation off the data gains: one state, data on one action only *)
Theorem off_the_data_gains_anything (M alpha : R) : 0 < M ->
  let m (b : bool) := if b then 0 else 1 in let u (b : bool) := if b then M else 0 in
  let ps (b : bool) := if b then 0 else 1 in let z (b : bool) := if b then 1 else 0 in
  (forall p, inside m p -> (forall b, 0 <= p b) -> \sum_b p b = 1 -> regularised u m alpha p <= regularised u m alpha ps)
  /\ linear_return u z = linear_return u ps + M.
Proof.
move=> M0 m u ps z; split; last by rewrite /linear_return !sum_bool /=; ring.
move=> p ip p0 p1; have pt : p true = 0 by exact: ip.
have pf : p false = 1 by move: p1; rewrite sum_bool pt; lra.
by rewrite /regularised /KL !sum_bool /= pt pf; lra.
Qed.

(* 3. the best response as alpha falls *)
Section BestResponseLimit.
Variables (T : finType) (u m : T -> R) (C : (T -> R) -> Prop).
Hypotheses (m0 : forall x, 0 < m x) (C0 : forall p, C p -> forall x, 0 <= p x).

(* a solution at alpha > 0 is no further from the data than any solution at alpha = 0, and loses at most alpha times the difference *)
Theorem best_response_has_less_divergence alpha d d0 : 0 < alpha ->
  maximises C (regularised u m alpha) d -> maximises C (linear_return u) d0 ->
  KL d m <= KL d0 m /\ linear_return u d0 - alpha * (KL d0 m - KL d m) <= linear_return u d.
Proof.
move=> a0 [Cd M] [C0' M0]; have h1 := M _ C0'; have h2 := M0 _ Cd.
move: h1; rewrite /regularised -/(linear_return u d) -/(linear_return u d0) => h1; split; last by lra.
by apply: (Rmult_le_reg_l alpha) => //; lra.
Qed.

Theorem annealed_best_response_limit (alpha : nat -> R) (d : nat -> T -> R) (l : T -> R) :
  (forall n, 0 < alpha n) -> Un_cv alpha 0 -> (forall n, maximises C (regularised u m (alpha n)) (d n)) ->
  (forall x, Un_cv (fun n => d n x) (l x)) -> C l ->
  forall d0, maximises C (linear_return u) d0 -> linear_return u l = linear_return u d0 /\ KL l m <= KL d0 m.
Proof.
move=> a0 acv M cv Cl d0 M0.
have L : Un_cv (fun n => linear_return u (d n)) (linear_return u l).
  by apply: Un_cv_sum => x; apply: CV_mult => //; exact: Un_cv_const.
have K : Un_cv (fun n => KL (d n) m) (KL l m).
  by apply: Un_cv_sum => x; apply: xlnx_cv => // [n|]; [exact: C0 (M n).1 x|exact: C0 Cl x].
have less n := best_response_has_less_divergence (a0 n) (M n) M0.
split; last by apply: (Un_cv_le _ K (Un_cv_const (KL d0 m))) => n; exact: (less n).1.
apply: Rle_antisym; first exact: M0.2.
have lo : Un_cv (fun n => linear_return u d0 - alpha n * (KL d0 m - KL (d n) m)) (linear_return u d0 - 0 * (KL d0 m - KL l m)).
  apply: CV_minus; first exact: Un_cv_const.
  by apply: CV_mult => //; apply: CV_minus => //; exact: Un_cv_const.
rewrite Rmult_0_l Rminus_0_r in lo; apply: (Un_cv_le _ lo L) => n; exact: (less n).2.
Qed.
End BestResponseLimit.
