(* One state, any number of agents, d^D > 0, and alpha > 16 C N, C half the range of r + alpha ln d^D: everything that the local rate
   supposes holds, everywhere.  So there is one Nash policy at most, it is the maximum, and a run from any start converges to it linearly. *)
From Coq Require Import Reals Lra Arith FunctionalExtensionality.
From mathcomp Require Import all_ssreflect.
From AlberDICE Require Import RealSums Inequalities Limits Lemma41 FrozenReward RegularisedLP BlockAscent Occupancy StateValues Convergence
  ExactGain FiniteSample LinearRate PlainTurns LocalRate LocalRateMMDP OneState.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Local Open Scope R_scope.

(* the divergence from m is strongly convex: a mixture loses t (1 - t) / 4 times the squared 1-norm *)
Lemma mixture_gains (T : finType) (p q m : T -> R) t : 0 <= t <= 1 -> (forall x, 0 <= p x) -> (forall x, 0 <= q x) ->
  \sum_x p x = 1 -> \sum_x q x = 1 -> (forall x, 0 < m x) ->
  KL (fun x => (1 - t) * p x + t * q x) m + t * (1 - t) / 4 * (l1 p q * l1 p q) <= (1 - t) * KL p m + t * KL q m.
Proof.
move=> t01 p0 q0 p1 q1 m0; set z := fun x => (1 - t) * p x + t * q x.
case: (Req_dec t 0) => [E|tn].
  have -> : KL z m = KL p m by apply: eq_bigr => x _; rewrite /z E; have -> : (1 - 0) * p x + 0 * q x = p x by ring.
  rewrite E; right; field.
case: (Req_dec t 1) => [E|tn1].
  have -> : KL z m = KL q m by apply: eq_bigr => x _; rewrite /z E; have -> : (1 - 1) * p x + 1 * q x = q x by ring.
  rewrite E; right; field.
have tp : 0 < t by lra.
have sp : 0 < 1 - t by lra.
have z0 x : 0 <= z x by apply: Rplus_le_le_0_compat; apply: Rmult_le_pos => //; lra.
have z1 : \sum_x z x = 1 by rewrite sum_add !sum_scal p1 q1; ring.
have zero x : z x = 0 -> p x = 0 /\ q x = 0.
  move=> E; have a := Rmult_le_pos _ _ (Rlt_le _ _ sp) (p0 x); have b := Rmult_le_pos _ _ (Rlt_le _ _ tp) (q0 x).
  have e1 : (1 - t) * p x = 0 by rewrite /z in E; lra.
  have e2 : t * q x = 0 by rewrite /z in E; lra.
  by split; [case: (Rmult_integral _ _ e1); lra|case: (Rmult_integral _ _ e2); lra].
have part (u : T -> R) x : 0 <= u x -> (z x = 0 -> u x = 0) -> u x * ln (u x / m x) = u x * ln (z x / m x) + u x * ln (u x / z x).
  move=> u0 dom; case: (Req_dec (u x) 0) => [->|n]; first by ring.
  have up : 0 < u x by lra.
  have zp : 0 < z x by have := z0 x; case: (Req_dec (z x) 0) => [/dom|]; lra.
  by rewrite !ln_div //; ring.
have E : (1 - t) * KL p m + t * KL q m = KL z m + ((1 - t) * KL p z + t * KL q z).
  rewrite /KL -!sum_scal -!sum_add; apply: eq_bigr => x _.
  rewrite (part p x (p0 x) (fun e => (zero x e).1)) (part q x (q0 x) (fun e => (zero x e).2)) /z; ring.
have K1 : l1 p z * l1 p z <= 4 * KL p z by apply: l1_square_le_KL => // x /zero[].
have K2 : l1 q z * l1 q z <= 4 * KL q z by apply: l1_square_le_KL => // x /zero[].
have D1 : l1 p z = t * l1 p q.
  rewrite /l1 -sum_scal; apply: eq_bigr => x _; rewrite -[t in RHS](Rabs_pos_eq t); last by lra.
  by rewrite -Rabs_mult; congr Rabs; rewrite /z; ring.
have D2 : l1 q z = (1 - t) * l1 p q.
  rewrite /l1 -sum_scal; apply: eq_bigr => x _; rewrite -[1 - t in RHS](Rabs_pos_eq (1 - t)); last by lra.
  by rewrite -Rabs_mult Rabs_minus_sym; congr Rabs; rewrite /z; ring.
rewrite E; rewrite D1 in K1; rewrite D2 in K2; set D := l1 p q in K1 K2 *.
have H1 := Rmult_le_compat_l _ _ _ (Rlt_le _ _ sp) K1; have H2 := Rmult_le_compat_l _ _ _ (Rlt_le _ _ tp) K2; lra.
Qed.

Section OneStateRate.
Variables (I : finType) (A : I -> finType) (G : mmdp unit_finType A) (alpha : R).
Hypothesis alpha_gt0 : 0 < alpha.
Notation JA := (joint_action A).
Notation policy := (policy unit_finType A).
Notation joint_policy := (joint_policy unit_finType A).
Notation F := (common_objective G alpha).
Notation N := (INR #|I|).
Variables (C c : R).
Hypotheses (payoff_range : forall a, Rabs (payoff_of G alpha a - c) <= C) (C0 : 0 < C) (large : 16 * (C * N) < alpha).
Notation mu := (alpha / 16 - C * N / 2).
Notation dist := (@policy_dist I unit_finType A).

Lemma square_of_distances (y z : joint_policy) :
  (\sum_i dist (y i) (z i)) * (\sum_i dist (y i) (z i)) <= N * (\sum_i (dist (y i) (z i) * dist (y i) (z i))).
Proof. exact: square_of_sum_le. Qed.

(* changing everybody's policy, from the sum of the single changes *)
Lemma everybody (y w : joint_policy) :
  F w - F y <= \sum_i (F (@deviate I policy y i (w i)) - F y) + C / 2 * ((\sum_i dist (y i) (w i)) * (\sum_i dist (y i) (w i))).
Proof.
have near2 (z : joint_policy) : near y 2 z by move=> i; exact: policy_dist_le2.
have mixed (z : joint_policy) i j (u : policy i) (v : policy j) : i <> j -> near y 2 z -> dist u (y i) <= 2 -> dist v (y j) <= 2 ->
    Rabs (F (@deviate I policy (@deviate I policy z j v) i u) - F (@deviate I policy z j v) - F (@deviate I policy z i u) + F z)
      <= C * (dist (z i) u * dist (z j) v) by move=> ij _ _ _; exact: mixed_in_one_state.
have H := @together I policy F y dist 2 C (@policy_dist_ge0 I unit_finType A) C0 mixed y w (near2 y) (near2 w) (index_enum I) (index_enum_uniq I).
have E : hybrid y w (index_enum I) = w by apply: functional_extensionality_dep => i; rewrite /hybrid mem_index_enum.
by rewrite E in H.
Qed.

(* one agent's own curvature *)
Lemma block_curvature (m : joint_policy) i (u v : policy i) t : 0 <= t <= 1 ->
  (1 - t) * F (@deviate I policy m i u) + t * F (@deviate I policy m i v) + alpha / 16 * (t * (1 - t)) * (dist u v * dist u v)
    <= F (@deviate I policy m i (mixture t u v)).
Proof.
move=> t01; set du := @deviate I policy m i u; set dv := @deviate I policy m i v; set dm := @deviate I policy m i _.
have occ (z : joint_policy) x : joint_occupancy G z x = joint_prob (prob z) tt x.2.
  by rewrite /joint_occupancy one_visit Rmult_1_l; case: x => -[].
have rest (p : policy i) a : joint_prob (prob (@deviate I policy m i p)) tt a = proj1_sig p tt (a i) * others_prob (prob m) i tt a.
  by rewrite /joint_prob (bigD1 i) //= -/(others_prob _ i tt a) others_prob_deviate prob_deviate.
have mix x : joint_occupancy G dm x = (1 - t) * joint_occupancy G du x + t * joint_occupancy G dv x.
  by rewrite !occ !rest /= clip_id //; ring.
have mass z : \sum_x joint_occupancy G z x = 1 by exact: occupancy_mass.
have K := mixture_gains t01 (joint_occupancy_ge0 G du) (joint_occupancy_ge0 G dv) (mass du) (mass dv) (data_gt0 G).
have Em : KL (joint_occupancy G dm) (data G) = KL (fun x => (1 - t) * joint_occupancy G du x + t * joint_occupancy G dv x) (data G).
  by apply: eq_bigr => x _; rewrite mix.
rewrite -Em in K.
have W : 1 * dist u v <= 2 * l1 (joint_occupancy G du) (joint_occupancy G dv).
  have one s : 1 <= state_occupancy G du s by rewrite one_visit; lra.
  have W0 := step_within_occupancies dv i one; by rewrite /du /dv !deviate_same in W0.
set D := dist u v in W *; have D0 : 0 <= D by exact: policy_dist_ge0.
set L := l1 _ _ in K W.
have D1 : 0 <= 1 * D by lra.
have DD : D * D <= 4 * (L * L) by have := Rmult_le_compat _ _ _ _ D1 D1 W W; lra.
have tt0 : 0 <= t * (1 - t) by apply: Rmult_le_pos; lra.
have DK := Rmult_le_compat_l _ _ _ tt0 DD.
have R : \sum_x (joint_occupancy G dm x * reward G x)
    = (1 - t) * (\sum_x (joint_occupancy G du x * reward G x)) + t * (\sum_x (joint_occupancy G dv x * reward G x)).
  by rewrite -!sum_scal -sum_add; apply: eq_bigr => x _; rewrite mix; ring.
have K2 : KL (joint_occupancy G dm) (data G) + t * (1 - t) / 16 * (D * D)
    <= (1 - t) * KL (joint_occupancy G du) (data G) + t * KL (joint_occupancy G dv) (data G) by lra.
have := Rmult_le_compat_l alpha _ _ (Rlt_le _ _ alpha_gt0) K2.
rewrite /common_objective /joint_objective /regularised R; lra.
Qed.

Variable xs : joint_policy.
Notation gapsum y := (\sum_i (dist (y i) (xs i) * dist (y i) (xs i))).

Theorem chords_lie_below (y : joint_policy) t : 0 <= t <= 1 -> (1 - t) * F y + t * F xs <= F (fun i => mixture t (y i) (xs i)).
Proof.
move=> t01; set m : joint_policy := fun i => mixture t (y i) (xs i).
set D := \sum_i dist (y i) (xs i).
have to : \sum_i dist (m i) (xs i) = (1 - t) * D by rewrite /D -sum_scal; apply: eq_bigr => i _; exact: mixture_to.
have back : \sum_i dist (m i) (y i) = t * D.
  by rewrite /D -sum_scal; apply: eq_bigr => i _; rewrite policy_dist_sym; exact: mixture_from.
have H1 := everybody m xs; have H2 := everybody m y; rewrite to in H1; rewrite back in H2.
set s1 := \sum_i (F _ - F m) in H1; set s2 := \sum_i (F _ - F m) in H2.
have S : (1 - t) * s2 + t * s1 <= - (alpha / 16 * (t * (1 - t))) * gapsum y.
  rewrite /s1 /s2 -!sum_scal -sum_add; apply: sum_le => i _.
  have := block_curvature m (y i) (xs i) t01; have -> : @deviate I policy m i (mixture t (y i) (xs i)) = m by exact: deviate_to_itself.
  lra.
have Q := square_of_distances y xs; rewrite -/D in Q; set E := gapsum y in S Q.
have E0 : 0 <= E by apply: sum_ge0 => i _; exact: Rle_0_sqr.
have tt0 : 0 <= t * (1 - t) by apply: Rmult_le_pos; lra.
have c2 : 0 <= C / 2 * (t * (1 - t)) by apply: Rmult_le_pos; lra.
have Q2 := Rmult_le_compat_l _ _ _ c2 Q.
have mu00 : 0 <= alpha / 16 - C * N / 2 by have := Rmult_le_pos _ _ (Rlt_le _ _ C0) (pos_INR #|I|); lra.
have Q3 := Rmult_le_pos _ _ tt0 (Rmult_le_pos _ _ mu00 E0).
have t1 : 0 <= 1 - t by lra.
have A1 := Rmult_le_compat_l _ _ _ t1 H2; have A2 := Rmult_le_compat_l t _ _ t01.1 H1.
lra.
Qed.

Hypothesis xs_nash : @nash I policy F xs.
Theorem nash_is_a_strict_maximum (y : joint_policy) : mu * gapsum y <= F xs - F y.
Proof.
have H := everybody xs y; set s := \sum_i (F _ - F xs) in H.
have S : s <= - (alpha / 16) * gapsum y.
  rewrite /s -sum_scal; apply: sum_le => i _; set z := @deviate I policy xs i (y i).
  have twice (p : policy i) : @deviate I policy z i p = @deviate I policy xs i p.
    by apply: functional_extensionality_dep => j; rewrite /z /deviate; case: eqP.
  have B : @best_response I policy F z i (xs i).
    by move=> p; rewrite !twice (deviate_to_itself (X := policy) xs i); exact: xs_nash.
  have one s' : 1 <= state_occupancy G z s' by rewrite one_visit; lra.
  have := best_response_gains_its_square alpha_gt0 Rle_0_1 one B.
  rewrite twice (deviate_to_itself (X := policy) xs i) /z deviate_same; lra.
have Q := square_of_distances xs y; set D := \sum_i dist (xs i) (y i) in H Q.
have E : \sum_i (dist (xs i) (y i) * dist (xs i) (y i)) = gapsum y by apply: eq_bigr => i _; rewrite policy_dist_sym.
rewrite E in Q; have c2 : 0 <= C / 2 by lra.
have := Rmult_le_compat_l _ _ _ c2 Q; lra.
Qed.

Lemma CN_ge0 : 0 <= C * N.
Proof. by apply: Rmult_le_pos; [lra|exact: pos_INR]. Qed.

(* from every start, at a linear rate *)
Definition one_state_factor (T : nat) : R := 1 - / (4 * N * (2 + 16 * C / alpha * (16 * C / alpha) * INR T)).
Theorem one_state_linear_rate (x : nat -> joint_policy) (who : nat -> I) T n : alberdice_run G alpha x who ->
  (forall t i, exists2 k, (k < T)%nat & who (t + k)%nat = i) ->
  let gap := F xs - F (x 0%nat) in
  F xs - F (x (n * T)%nat) <= one_state_factor T ^ n * gap /\ gapsum (x (n * T)%nat) <= one_state_factor T ^ n * (gap / (C * N / 2)).
Proof.
move=> run turns gap; have N0 : 0 < N by apply: lt_0_INR; apply/ltP; apply/card_gt0P; exists (who 0%nat).
have CN : 0 < C * N by exact: Rmult_lt_0_compat.
have E0 y : 0 <= gapsum y by apply: sum_ge0 => i _; exact: Rle_0_sqr.
have growth y : C * N / 2 * gapsum y <= F xs - F y.
  apply: Rle_trans (nash_is_a_strict_maximum y); apply: Rmult_le_compat_r; [exact: E0|lra].
have c2 : 0 <= C * N / 2 by lra.
have g0 : 0 <= gap by have := growth (x 0%nat); have := Rmult_le_pos _ _ c2 (E0 (x 0%nat)); rewrite /gap; lra.
pose r := 2 + gap / (C * N / 2).
have s0 : 0 <= gap / (C * N / 2) by apply: Rmult_le_pos => //; apply: Rlt_le; apply: Rinv_0_lt_compat; lra.
have r0 : 0 <= r by rewrite /r; lra.
have all (y : joint_policy) : near xs r y by move=> i; apply: Rle_trans (policy_dist_le2 _ _) _; rewrite /r; lra.
have mu0 : 0 < C * N / 2 by lra.
have muC : C * N / 2 <= C * N by lra.
have a0 : 0 < alpha * (1 * 1) / 16 by lra.
have small : C * (N * r) < step_constant alpha 1 * r.
  have rp : 0 < r by rewrite /r; lra.
  by have := Rmult_lt_compat_r _ _ _ rp large; rewrite /step_constant; lra.
have high : F xs - F (x 0%nat) <= C * N / 2 * (r * r).
  rewrite -/gap; set s := gap / (C * N / 2) in r s0 r0 all small *.
  have e : gap = C * N / 2 * s by rewrite /s; field; lra.
  rewrite e; apply: Rmult_le_compat_l; first by lra.
  by rewrite /r; have := Rle_0_sqr s; rewrite /Rsqr; lra.
have one (y : joint_policy) s : near xs r y -> 1 <= state_occupancy G y s by rewrite one_visit; lra.
have mixed (y : joint_policy) i j (u : policy i) (v : policy j) : i <> j ->
    near xs r y -> dist u (xs i) <= r -> dist v (xs j) <= r ->
    Rabs (F (@deviate I policy (@deviate I policy y j v) i u) - F (@deviate I policy y j v) - F (@deviate I policy y i u) + F y)
      <= C * (dist (y i) u * dist (y j) v) by move=> ij _ _ _; exact: mixed_in_one_state.
have [_ H] := local_linear_rate_of_runs alpha_gt0 mu0 C0 Rlt_0_1 r0 (Rle_refl r) muC small (fun y _ => growth y)
  (fun y t _ => @chords_lie_below y t) mixed one run turns (all _) high.
have E : local_factor I (C * N / 2) C (step_constant alpha 1) T = one_state_factor T.
  have TT := Rmult_le_pos _ _ (Rle_0_sqr (16 * C / alpha)) (pos_INR T); rewrite /Rsqr in TT.
  rewrite /local_factor /one_state_factor /step_constant.
  have -> : C / (alpha * (1 * 1) / 16) = 16 * C / alpha by field; lra.
  set k := 16 * C / alpha * (16 * C / alpha) * INR T in TT *; congr (_ - _); field; repeat split; lra.
by have := H n; rewrite E.
Qed.

End OneStateRate.

(* there is one Nash policy at most *)
Theorem one_state_unique_nash (I : finType) (A : I -> finType) (G : mmdp unit_finType A) (alpha C c : R) (x y : joint_policy unit_finType A) :
  0 < alpha -> (forall a, Rabs (payoff_of G alpha a - c) <= C) -> 0 < C -> 16 * (C * INR #|I|) < alpha ->
  @nash I (policy unit_finType A) (common_objective G alpha) x -> @nash I (policy unit_finType A) (common_objective G alpha) y ->
  forall i, same_policy (x i) (y i).
Proof.
move=> alpha0 range C0 large nx ny.
have H1 := nash_is_a_strict_maximum alpha0 range C0 nx y; have H2 := nash_is_a_strict_maximum alpha0 range C0 ny x.
set s := \sum_i _ in H1; set s' := \sum_i _ in H2.
have CN := Rmult_le_pos _ _ (Rlt_le _ _ C0) (pos_INR #|I|); have mu0 : 0 < alpha / 16 - C * INR #|I| / 2 by lra.
have s0 : 0 <= s by apply: sum_ge0 => i _; exact: Rle_0_sqr.
have s0' : 0 <= s' by apply: sum_ge0 => i _; exact: Rle_0_sqr.
have z : s = 0.
  have m1 := Rmult_le_pos _ _ (Rlt_le _ _ mu0) s0'; have m0 := Rmult_le_pos _ _ (Rlt_le _ _ mu0) s0.
  by apply: (Rmult_eq_reg_l (alpha / 16 - C * INR #|I| / 2)); lra.
move=> i st b; have D2 := sum_eq0 (f := fun i => policy_dist (y i) (x i) * policy_dist (y i) (x i)) (fun i => Rle_0_sqr _) z i.
have D : policy_dist (y i) (x i) = 0 by case: (Rmult_integral _ _ D2).
have Ds := sum_eq0 (f := fun s => l1 (proj1_sig (y i) s) (proj1_sig (x i) s)) (fun s => sum_ge0 (P := xpredT) (fun b _ => Rabs_pos _)) D st.
have Db := sum_eq0 (f := fun b => Rabs (proj1_sig (y i) st b - proj1_sig (x i) st b)) (fun b => Rabs_pos _) Ds b.
by move: Db; rewrite /Rabs; case: Rcase_abs => ? ?; lra.
Qed.
