(* Finite sums and products of real numbers.

   The reals of Coq's standard library are declared as a commutative semiring to mathcomp's
   "big operators", so that sums over finite types ( \sum_x f x ) and products ( \prod_x f x )
   can be exchanged, split, scaled and reindexed.  The rest of the file holds the order
   properties of finite sums that the proofs use.  Last comes the distributivity of a product
   of sums over a DEPENDENT family: every agent may have its own finite action set. *)
From Coq Require Import Reals Lra.
From mathcomp Require Import all_ssreflect.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Local Open Scope R_scope.

Lemma RaddA : associative Rplus.   Proof. by move=> x y z; lra. Qed.
Lemma RaddC : commutative Rplus.   Proof. by move=> x y; lra. Qed.
Lemma Radd0 : left_id 0 Rplus.     Proof. by move=> x; lra. Qed.
Lemma Radd0r : right_id 0 Rplus.   Proof. by move=> x; lra. Qed.
Lemma RmulA : associative Rmult.   Proof. by move=> x y z; lra. Qed.
Lemma RmulC : commutative Rmult.   Proof. by move=> x y; lra. Qed.
Lemma Rmul1 : left_id 1 Rmult.     Proof. by move=> x; lra. Qed.
Lemma Rmul1r : right_id 1 Rmult.   Proof. by move=> x; lra. Qed.
Lemma Rmul0 : left_zero 0 Rmult.   Proof. by move=> x; lra. Qed.
Lemma Rmul0r : right_zero 0 Rmult. Proof. by move=> x; lra. Qed.
Lemma RmulDl : left_distributive Rmult Rplus.  Proof. by move=> x y z; lra. Qed.
Lemma RmulDr : right_distributive Rmult Rplus. Proof. by move=> x y z; lra. Qed.

Canonical Radd_monoid := Monoid.Law RaddA Radd0 Radd0r.
Canonical Radd_comoid := Monoid.ComLaw RaddC.
Canonical Rmul_monoid := Monoid.Law RmulA Rmul1 Rmul1r.
Canonical Rmul_comoid := Monoid.ComLaw RmulC.
Canonical Rmul_muloid := Monoid.MulLaw Rmul0 Rmul0r.
Canonical Radd_addoid := Monoid.AddLaw RmulDl RmulDr.

Notation "\sum_ ( i : t ) F" := (\big[Rplus/0%R]_(i : t) F%R) : R_scope.
Notation "\sum_ i F" := (\big[Rplus/0%R]_i F%R) : R_scope.
Notation "\sum_ ( i : t | P ) F" := (\big[Rplus/0%R]_(i : t | P) F%R) : R_scope.
Notation "\sum_ ( i | P ) F" := (\big[Rplus/0%R]_(i | P) F%R) : R_scope.
Notation "\prod_ i F" := (\big[Rmult/1%R]_i F%R) : R_scope.
Notation "\prod_ ( i | P ) F" := (\big[Rmult/1%R]_(i | P) F%R) : R_scope.

Section Sums.
Variables (T : finType).
Implicit Types (f g : T -> R) (P : pred T).

Lemma sum_le P f g : (forall x, P x -> f x <= g x) -> \sum_(x | P x) f x <= \sum_(x | P x) g x.
Proof. move=> H; elim/big_ind2: _ => [|a b c d|x /H //]; lra. Qed.

Lemma sum_ge0 P f : (forall x, P x -> 0 <= f x) -> 0 <= \sum_(x | P x) f x.
Proof. move=> H; elim/big_ind: _ => [|a b|x /H //]; lra. Qed.

Lemma prod_ge0 P f : (forall x, P x -> 0 <= f x) -> 0 <= \prod_(x | P x) f x.
Proof. move=> H; elim/big_ind: _ => [|a b|x /H //]; [lra|exact: Rmult_le_pos]. Qed.

Lemma prod_gt0 P f : (forall x, P x -> 0 < f x) -> 0 < \prod_(x | P x) f x.
Proof. move=> H; elim/big_ind: _ => [|a b|x /H //]; [lra|exact: Rmult_lt_0_compat]. Qed.

Lemma sum_scal P (c : R) f : \sum_(x | P x) (c * f x) = c * \sum_(x | P x) f x.
Proof. by rewrite big_distrr. Qed.

Lemma sum_scalr P (c : R) f : \sum_(x | P x) (f x * c) = (\sum_(x | P x) f x) * c.
Proof. by rewrite big_distrl. Qed.

Lemma sum_add P f g :
  \sum_(x | P x) (f x + g x) = \sum_(x | P x) f x + \sum_(x | P x) g x.
Proof. exact: big_split. Qed.

Lemma sum_opp P f : \sum_(x | P x) (- f x) = - \sum_(x | P x) f x.
Proof. rewrite (eq_bigr (fun x => -1 * f x)) ?sum_scal => [|x _]; lra. Qed.

Lemma sum_sub P f g :
  \sum_(x | P x) (f x - g x) = \sum_(x | P x) f x - \sum_(x | P x) g x.
Proof. by rewrite (eq_bigr (fun x => f x + - g x)) // sum_add sum_opp. Qed.

Lemma sum_const (c : R) : \sum_(x : T) c = INR #|T| * c.
Proof.
rewrite big_const cardE; elim: (size _) => [|n IH]; first by rewrite /=; lra.
by rewrite iterS IH S_INR; lra.
Qed.

(* a sum of nonnegative terms bounds each term, and is > 0 when one term is *)
Lemma sum_ge_term f x0 : (forall x, 0 <= f x) -> f x0 <= \sum_x f x.
Proof.
move=> H; rewrite (bigD1 x0) //=.
have := @sum_ge0 (fun x => x != x0) f (fun x _ => H x); lra.
Qed.

Lemma sum_gt0 f x0 : (forall x, 0 <= f x) -> 0 < f x0 -> 0 < \sum_x f x.
Proof. move=> H H0; have := sum_ge_term x0 H; lra. Qed.

Lemma sum_eq0 f : (forall x, 0 <= f x) -> \sum_x f x = 0 -> forall x, f x = 0.
Proof. move=> H H0 x; have := sum_ge_term x H; have := H x; lra. Qed.

Lemma sum_eq_le f g :
  (forall x, f x <= g x) -> \sum_x f x = \sum_x g x -> forall x, f x = g x.
Proof.
move=> H E x; have K : forall x, 0 <= g x - f x by move=> y; have := H y; lra.
have := sum_eq0 K _ x; rewrite sum_sub; lra.
Qed.

Lemma sum_pick (x0 : T) f : \sum_x ((if x == x0 then 1 else 0) * f x) = f x0.
Proof.
rewrite (bigD1 x0) //= eqxx big1 => [|x /negbTE ->]; lra.
Qed.

(* a probability vector with entries 0 or 1 is the indicator of one point *)
Lemma indicator_of_01 f : (forall x, f x = 0 \/ f x = 1) -> \sum_x f x = 1 ->
  exists x0, forall x, f x = if x == x0 then 1 else 0.
Proof.
move=> H E; have f0 x : 0 <= f x by case: (H x) => ->; lra.
case: (pickP (fun x => ~~ (Req_EM_T (f x) 0 : bool))) => [x0|none]; last first.
  suff : \sum_x f x = 0 by lra.
  by apply: big1 => x _; have := none x; case: Req_EM_T.
case: Req_EM_T => // N _; have F0 : f x0 = 1 by case: (H x0).
exists x0 => x; case: eqP => [-> //|/eqP ne].
have : \sum_(y | y != x0) f y = 0 by move: E; rewrite (bigD1 x0) //= F0; lra.
move=> Z; have : f x <= \sum_(y | y != x0) f y.
  rewrite (bigD1 x) //=; have := @sum_ge0 (fun y => (y != x0) && (y != x)) f (fun y _ => f0 y); lra.
rewrite Z; have := f0 x; lra.
Qed.
End Sums.

(* ---- product of sums = sum of products, each index i with its own finite set A i ----
   \prod_i \sum_(b in A_i) f_i(b)  =  \sum_(a in A_1 x ... x A_N) \prod_i f_i(a_i)            *)
Section DependentDistributivity.
Variables (I : finType) (A : I -> finType) (f : forall i, A i -> R).
Notation Joint := {dffun forall i : I, A i}.

Let tag_all (a : Joint) : {ffun I -> {i : I & A i}} := [ffun i => Tagged A (a i)].

Let tag_all_inj : injective tag_all.
Proof.
move=> a b /ffunP E; apply/ffunP => i.
by have := E i; rewrite !ffunE => /eqP; rewrite eq_Tagged => /eqP.
Qed.

Let tag_all_onto (phi : {ffun I -> {i : I & A i}}) :
  (forall i, tag (phi i) = i) -> exists a, tag_all a = phi.
Proof.
move=> H; exists (finfun (fun i => eq_rect _ (fun j => A j) (tagged (phi i)) _ (H i)) : Joint).
apply/ffunP => i; rewrite !ffunE.
by move: (H i); case: (phi i) => j b /= e; case: i / e.
Qed.

Lemma prod_sum_distr :
  \prod_i (\sum_(b : A i) f b) = \sum_(a : Joint) \prod_i f (a i).
Proof.
pose g (t : {i : I & A i}) : R := f (tagged t).
pose Q (i : I) (t : {i : I & A i}) := tag t == i.
have -> : \prod_i (\sum_(b : A i) f b) = \prod_i (\big[Rplus/0]_(t | Q i t) g t).
  apply: eq_bigr => i _; rewrite -(big_pred1_eq Radd_monoid i (fun i => \sum_(b : A i) f b)).
  by rewrite sig_big_dep; apply: eq_bigl => t; rewrite andbT.
rewrite (bigA_distr_big_dep _ (fun _ t => g t)).
pose untag (phi : {ffun I -> {i : I & A i}}) : option Joint := [pick a | tag_all a == phi].
rewrite (reindex_omap tag_all untag) => [|phi /familyP H]; last first.
  have [a Ea] := @tag_all_onto phi (fun i => eqP (H i)).
  rewrite /untag; case: pickP => [b /eqP <- //|/(_ a)]; by rewrite Ea eqxx.
apply: eq_big => [a|a _]; last by apply: eq_bigr => i _; rewrite ffunE.
apply/andP; split; first by apply/familyP => i; rewrite ffunE unfold_in /Q eqxx.
rewrite /untag; case: pickP => [b /eqP /tag_all_inj -> //|/(_ a)]; by rewrite eqxx.
Qed.
End DependentDistributivity.
