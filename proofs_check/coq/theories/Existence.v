(* Solutions exist, and runs are eventually eps-Nash.

   1. Policies with rational-like weights form a countable dense family around any base policy p:
          grid p c (b|s) = (p(b|s) + c(s,b)) / (1 + \sum_b' c(s,b')),     c(s,b) a natural number.
   2. The regularised LP (2)-(3) has a solution for every agent and all policies of the others
      (a maximising sequence can be taken in the countable family, so no choice axiom is needed; the
      policies are compact and the objective is continuous).  Holds for alpha >= 0.
   3. For alpha > 0, any number of agents and a schedule in which everyone moves at least once in
      every T steps: for every eps > 0 all but finitely many iterates are eps-Nash. *)
From Coq Require Import Reals Lra Arith Classical_Prop.
From mathcomp Require Import all_ssreflect.
From AlberDICE Require Import RealSums Inequalities Limits Lemma41 FrozenReward RegularisedLP
  BlockAscent Occupancy StateValues Convergence.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Local Open Scope R_scope.

(* ---------- a few limits ---------- *)
Lemma Un_cv_inv_succ : Un_cv (fun n => / INR n.+1) 0.
Proof.
move=> e e0; have [N [HN N0]] := archimed_cor1 e e0; exists N => n Hn.
have p : 0 < INR n.+1 by apply: lt_0_INR; exact: Nat.lt_0_succ.
rewrite /R_dist Rminus_0_r Rabs_pos_eq; last by apply: Rlt_le; exact: Rinv_0_lt_compat.
apply: Rle_lt_trans HN; apply: Rinv_le_contravar; first exact: lt_0_INR.
by apply: le_INR; apply: le_S.
Qed.

Lemma nat_ceiling (z : R) : 0 <= z -> { n : nat | z < INR n <= z + 1 }.
Proof.
move=> z0; exists (Z.to_nat (up z)); have [h1 h2] := archimed z.
have u0 : (0 <= up z)%Z by apply: le_IZR; lra.
by rewrite INR_IZR_INZ Z2Nat.id //; lra.
Qed.

Lemma Un_cv_inv (f : nat -> R) l : l <> 0 -> Un_cv f l -> Un_cv (fun n => / f n) (/ l).
Proof.
move=> l0 C; apply: (continuity_seq (fun z => / z) f l) => //.
apply: (continuity_pt_inv id) => //; exact: derivable_continuous_pt (derivable_pt_id l).
Qed.

Section Existence.
Variables (I S : finType) (A : I -> finType).
Notation JA := (joint_action A).
Variables (G : mmdp S A) (alpha : R).
Hypothesis alpha_ge0 : 0 <= alpha.
Notation joint_policy := (joint_policy S A).
Notation policy := (policy S A).
Notation F := (common_objective G alpha).
Notation counts i := {ffun S * A i -> nat}.

(* ---------- 1. the countable family ---------- *)
Definition grid_prob i (p : policy i) (c : counts i) (s : S) (b : A i) : R :=
  (proj1_sig p s b + INR (c (s, b))) / (1 + \sum_(b' : A i) INR (c (s, b'))).

Lemma grid_valid i (p : policy i) (c : counts i) : is_policy (grid_prob p c).
Proof.
have D s : 0 < 1 + \sum_(b' : A i) INR (c (s, b')).
  have h : 0 <= \sum_(b' : A i) INR (c (s, b')) by apply: sum_ge0 => b' _; exact: pos_INR.
  lra.
have [p0 p1] : is_policy (proj1_sig p) by exact: proj2_sig.
split=> [s b|s].
  apply: Rmult_le_pos; last by apply: Rlt_le; apply: Rinv_0_lt_compat.
  by have := p0 s b; have := pos_INR (c (s, b)); lra.
rewrite /grid_prob /Rdiv sum_scalr sum_add p1; apply: Rinv_r; exact: Rgt_not_eq (D s).
Qed.
Definition grid i (p : policy i) (c : counts i) : policy i := exist _ _ (grid_valid p c).

Lemma grid_dense i (p q : policy i) : exists c : nat -> counts i,
  forall s b, Un_cv (fun n => proj1_sig (grid p (c n)) s b) (proj1_sig q s b).
Proof.
have [q0 q1] : is_policy (proj1_sig q) by exact: proj2_sig.
have pos n s b : 0 <= INR n.+1 * proj1_sig q s b.
  by apply: Rmult_le_pos; [exact: pos_INR|exact: q0].
pose c (n : nat) : counts i := [ffun y => proj1_sig (nat_ceiling (pos n y.1 y.2))].
exists c => s b.
have C (b' : A i) : Un_cv (fun n => / INR n.+1 * INR (c n (s, b'))) (proj1_sig q s b').
  apply: Un_cv_of_abs0; apply: (Un_cv_squeeze (g := fun n => / INR n.+1)); last exact: Un_cv_inv_succ.
  move=> n; split; first exact: Rabs_pos.
  have np : 0 < INR n.+1 by apply: lt_0_INR; exact: Nat.lt_0_succ.
  have -> : c n (s, b') = proj1_sig (nat_ceiling (pos n s b')) by rewrite ffunE.
  have [h1 h2] := proj2_sig (nat_ceiling (pos n s b')).
  move: (proj1_sig (nat_ceiling (pos n s b'))) h1 h2 => k h1 h2.
  have ip := Rinv_0_lt_compat _ np.
  have -> : / INR n.+1 * INR k - proj1_sig q s b' = / INR n.+1 * (INR k - INR n.+1 * proj1_sig q s b').
    by field; lra.
  rewrite Rabs_mult (Rabs_pos_eq (/ _)); last by lra.
  rewrite -[X in _ <= X]Rmult_1_r; apply: Rmult_le_compat_l; first by lra.
  by apply: Rabs_le; lra.
have num : Un_cv (fun n => proj1_sig p s b * / INR n.+1 + / INR n.+1 * INR (c n (s, b))) (proj1_sig q s b).
  rewrite -[X in Un_cv _ X]Rplus_0_l; apply: CV_plus; last exact: C.
  rewrite -(Rmult_0_r (proj1_sig p s b)); apply: CV_mult; [exact: Un_cv_const|exact: Un_cv_inv_succ].
have den : Un_cv (fun n => / INR n.+1 + \sum_(b' : A i) (/ INR n.+1 * INR (c n (s, b')))) 1.
  rewrite -[X in Un_cv _ X]Rplus_0_l; apply: CV_plus; first exact: Un_cv_inv_succ.
  by rewrite -(q1 s); apply: Un_cv_sum => b'; exact: C.
have inv1 : Un_cv (fun n => / (/ INR n.+1 + \sum_(b' : A i) (/ INR n.+1 * INR (c n (s, b'))))) (/ 1).
  by apply: Un_cv_inv => //; lra.
have := CV_mult _ _ _ _ num inv1; rewrite Rinv_1 Rmult_1_r => lim.
apply: (Un_cv_ext _ lim) => n.
rewrite (_ : proj1_sig (grid p (c n)) s b = grid_prob p (c n) s b) // /grid_prob sum_scal.
have np : 0 < INR n.+1 by apply: lt_0_INR; exact: Nat.lt_0_succ.
have D : 0 < 1 + \sum_(b' : A i) INR (c n (s, b')).
  have h : 0 <= \sum_(b' : A i) INR (c n (s, b')) by apply: sum_ge0 => b' _; exact: pos_INR.
  lra.
set X := INR n.+1 in np *; set Y := \sum_(b' : A i) _ in D *.
have -> : / X + / X * Y = / X * (1 + Y) by ring.
by rewrite Rinv_mult Rinv_inv; field; split; lra.
Qed.

(* what a deviation can gain, one in the family gains *)
Lemma grid_beats (x : joint_policy) i v (z : policy i) : v < F (deviate x z) ->
  exists c : counts i, v < F (deviate x (grid (x i) c)).
Proof.
move=> lt; have [c Hc] := grid_dense (x i) z.
have C : policies_converge (fun n => deviate x (grid (x i) (c n))) (deviate x z).
  by apply: (deviate_cv (x := fun _ => x)) => // j s b; exact: Un_cv_const.
have e0 : F (deviate x z) - v > 0 by lra.
have [N HN] := common_objective_continuous G alpha C e0; exists (c N).
by have := HN N (le_n _); rewrite /R_dist => /Rabs_def2 [_]; lra.
Qed.

(* ---------- 2. the LP has a solution ---------- *)
Theorem best_response_exists (x : joint_policy) i :
  exists p : policy i, @best_response I policy F x i p.
Proof.
have [B HB] := common_objective_bounded G alpha_ge0.
pose E v := exists c : counts i, v = F (deviate x (grid (x i) c)).
have bE : bound E by exists B => _ [c ->]; exact: HB.
have nE : exists v, E v by exists (F (deviate x (grid (x i) [ffun _ => 0%nat]))); eexists.
have [m [ub lub]] := completeness E bE nE.
have near n : exists c : counts i, (Rlt_dec (m - / INR n.+1) (F (deviate x (grid (x i) c))) : bool).
  have ip : 0 < / INR n.+1 by apply: Rinv_0_lt_compat; apply: lt_0_INR; exact: Nat.lt_0_succ.
  apply: NNPP => none; have : m <= m - / INR n.+1.
    apply: lub => _ [c ->]; apply: Rnot_lt_le => lt; apply: none; exists c.
    by case: Rlt_dec.
  lra.
pose c n := xchoose (near n).
have cP n : m - / INR n.+1 < F (deviate x (grid (x i) (c n))).
  by have := xchooseP (near n); rewrite -/(c n); case: Rlt_dec.
have [phi [sub [l C]]] := joint_policies_compact (fun n => deviate x (grid (x i) (c n))).
exists (l i) => z.
have same j : same_policy (deviate x (l i) j) (l j).
  move=> s b; case: (@eqP _ i j) => [e|ne].
    by case: _ / e b => b; rewrite deviate_same.
  rewrite deviate_other //; apply: UL_sequence (C j s b).
  by apply: (Un_cv_ext _ (Un_cv_const _)) => n; rewrite /prob deviate_other.
rewrite (common_objective_ext G alpha same).
apply: (Rle_trans _ m).
  apply: Rnot_lt_le => lt; have [c' lt'] := grid_beats lt.
  have := ub _ (ex_intro _ c' erefl); lra.
have lower : Un_cv (fun n => m - / INR (phi n).+1) (m - 0).
  apply: CV_minus; first exact: Un_cv_const.
  exact: (Un_cv_subsequence sub Un_cv_inv_succ).
rewrite -[m]Rminus_0_r.
apply: (Un_cv_le _ lower (common_objective_continuous G alpha C)) => n.
by apply: Rlt_le; exact: cP.
Qed.

(* every agent's regularised LP (2)-(3) has a solution, with a policy extracted from it *)
Theorem LP_solution_exists (x : joint_policy) i : exists p : policy i, LP_update G alpha x p.
Proof.
have [p B] := best_response_exists x i; exists p; exact/LP_update_iff_best_response.
Qed.

(* ---------- 3. eventually eps-Nash ---------- *)
Hypothesis alpha_gt0 : 0 < alpha.

Theorem theorem_4_2_eventually_eps_nash (x : nat -> joint_policy) (who : nat -> I) T eps :
  alberdice_run G alpha x who ->
  (forall t i, exists2 k, (k < T)%nat & who (t + k)%nat = i) -> 0 < eps ->
  exists N, forall t, (N <= t)%nat -> @eps_nash I policy F eps (x t).
Proof.
move=> run turn eps0; apply: NNPP => never.
pose code := (nat * {i : I & counts i})%type.
pose wit t i (c : counts i) := F (x t) + eps < F (deviate (x t) (grid (x t i) c)).
pose ok N (y : code) : bool :=
  (N <= y.1)%nat && (Rlt_dec (F (x y.1) + eps) (F (deviate (x y.1) (grid (x y.1 (tag y.2)) (tagged y.2)))) : bool).
have ex N : exists y, ok N y.
  apply: NNPP => none; apply: never; exists N => t Nt i z; apply: Rnot_lt_le => lt.
  have [c lt'] := grid_beats lt; apply: none.
  exists (t, Tagged (fun i => counts i) c); rewrite /ok /= Nt.
  by case: Rlt_dec.
pose bad := fix bad n : code := xchoose (ex (if n is n'.+1 then (bad n').1.+1 else 0%nat)).
have badP n : ok (if n is n'.+1 then (bad n').1.+1 else 0%nat) (bad n).
  by case: n => [|n]; exact: xchooseP.
have sub : subsequence (fun n => (bad n).1).
  by move=> n; apply/ltP; have /andP[] := badP n.+1.
have gain n : F (x (bad n).1) + eps
    < F (deviate (x (bad n).1) (grid (x (bad n).1 (tag (bad n).2)) (tagged (bad n).2))).
  by have /andP[_] := badP n; case: Rlt_dec.
pose dev n : joint_policy :=
  deviate (x (bad n).1) (grid (x (bad n).1 (tag (bad n).2)) (tagged (bad n).2)).
have [f1 [s1 [i Hi]]] := pigeonhole (fun n => tag (bad n).2).
have [f2 [s2 [l Cl]]] := joint_policies_compact (fun n => x (bad (f1 n)).1).
have [f3 [s3 [v Cv]]] := joint_policies_compact (fun n => dev (f1 (f2 n))).
have Cl3 : policies_converge (fun n => x (bad (f1 (f2 (f3 n)))).1) l.
  by move=> j s b; apply: (Un_cv_subsequence s3 (Cl j s b)).
have s123 := subsequence_comp sub (subsequence_comp s1 (subsequence_comp s2 s3)).
have N := theorem_4_2_accumulation_nash alpha_ge0 alpha_gt0 run turn s123 Cl3.
have same j : same_policy (v j) (deviate l (v i) j).
  move=> s b; case: (@eqP _ i j) => [e|ne].
    by case: _ / e b => b; rewrite deviate_same.
  rewrite deviate_other //; apply: UL_sequence (Cv j s b) _.
  apply: (Un_cv_ext _ (Cl3 j s b)) => n; rewrite /dev /prob deviate_other //.
  by rewrite Hi.
have := N i (v i); rewrite -(common_objective_ext G alpha same) => le.
have up : F l + eps <= F v.
  have C1 : Un_cv (fun n => F (x (bad (f1 (f2 (f3 n)))).1) + eps) (F l + eps).
    by apply: CV_plus; [exact: (common_objective_continuous G alpha Cl3)|exact: Un_cv_const].
  apply: (Un_cv_le _ C1 (common_objective_continuous G alpha Cv)) => n.
  by apply: Rlt_le; exact: gain.
lra.
Qed.
End Existence.
