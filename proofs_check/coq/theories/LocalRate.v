(* A local linear rate at strict maxima: any number of agents and states, exact best responses in turns, alpha > 0.

   x* is a policy, B(R) the policies within R of it, agent by agent.  Suppose on B(R)
     growth     F(x* ) - F(y)  >=  mu \sum_i |y_i - x*_i|^2,
     concavity  F rises towards x* at least as on a chord:  F((1-t) y + t x* ) >= (1-t) F(y) + t F(x* ),
     mixed      | F(y_ij) - F(y_i) - F(y_j) + F(y) |  <=  C |y_i - y'_i| |y_j - y'_j|  for any two agents' changes
   (all three hold, on a small ball, where F is C^2 with a negative definite Hessian at x* ).  Then
     1. error bound: if no agent alone gains more than g_i at y, F(x* ) - F(y) <= (2 C N / mu) \sum_i g_i;
     2. what agent i could gain before a round is at most (2 + (C/a)^2 T) times what the round gains, a the constant of
        'a best response gains at least a times its squared step', T the turns of a round;
     3. so each round multiplies F(x* ) - F by at most  q = 1 - mu / (2 C N^2 (2 + (C/a)^2 T)).
   LocalRateMMDP.v: in an MMDP a = alpha delta^2 / 16, where every state is visited at least delta, since an exact update gains alpha KL. *)
From Coq Require Import Reals Lra Arith FunctionalExtensionality Classical_Prop.
From mathcomp Require Import all_ssreflect.
From AlberDICE Require Import RealSums Inequalities Limits Lemma41 FrozenReward RegularisedLP BlockAscent Occupancy StateValues Convergence
  ExactGain Existence FiniteSample LinearRate.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Local Open Scope R_scope.

Section LocalRate.
Variables (I : finType) (X : I -> Type).
Notation P := (forall i, X i).
Variables (F : P -> R) (xs : P) (dist : forall i, X i -> X i -> R) (toward : forall i, R -> X i -> X i).
Variables (R1 R0 mu C a : R).
Definition ball (r : R) (y : P) : Prop := forall i, dist (y i) (xs i) <= r.
Notation N := (INR #|I|).
Hypotheses (dist_ge0 : forall i (p q : X i), 0 <= dist p q)
  (toward_step : forall i t (p : X i), 0 <= t <= 1 -> dist p (toward t p) <= t * dist p (xs i))
  (toward_near : forall i t (p : X i), 0 <= t <= 1 -> dist (toward t p) (xs i) <= dist p (xs i)).
Hypotheses (mu0 : 0 < mu) (a0 : 0 < a) (C0 : 0 < C) (R00 : 0 <= R0) (R01 : R0 <= R1) (muC : mu <= C * N).
Hypotheses
  (growth : forall y, ball R1 y -> mu * (\sum_i (dist (y i) (xs i) * dist (y i) (xs i))) <= F xs - F y)
  (concave : forall y t, ball R1 y -> 0 <= t <= 1 -> (1 - t) * F y + t * F xs <= F (fun i => toward t (y i)))
  (mixed : forall y i j (u : X i) (v : X j), i <> j -> ball R1 y -> dist u (xs i) <= R1 -> dist v (xs j) <= R1 ->
    Rabs (F (deviate (deviate y v) u) - F (deviate y v) - F (deviate y u) + F y) <= C * (dist (y i) u * dist (y j) v)).

(* changing some agents' policies together gains what each gains alone, up to C/2 (sum of the changes)^2 *)
Section Hybrid.
Variables (y w : P).
Hypotheses (yb : ball R1 y) (wb : ball R1 w).
Definition hybrid (s : seq I) : P := fun i => if i \in s then w i else y i.
Definition moved (s : seq I) : R := \big[Rplus/0]_(j <- s) dist (y j) (w j).
Definition alone (s : seq I) : R := \big[Rplus/0]_(j <- s) (F (deviate y (w j)) - F y).

Lemma hybrid_ball s : ball R1 (hybrid s).
Proof. by move=> i; rewrite /hybrid; case: ifP. Qed.
Lemma hybrid_cons i s : i \notin s -> hybrid (i :: s) = deviate (hybrid s) (w i).
Proof.
move=> is_; apply: functional_extensionality_dep => j; case: (@eqP _ i j) => [E|ne].
  by case: _ / E; rewrite deviate_same /hybrid mem_head.
by rewrite deviate_other // /hybrid in_cons; case: eqP => // E; case: ne.
Qed.
Lemma moved_ge0 (s : seq I) : 0 <= moved s.
Proof. by rewrite /moved; elim/big_ind: _ => [|u v|j _]; [lra|lra|exact: dist_ge0]. Qed.
Lemma moved_cons i s : moved (i :: s) = dist (y i) (w i) + moved s. Proof. by rewrite /moved big_cons. Qed.
Lemma alone_cons i s : alone (i :: s) = F (deviate y (w i)) - F y + alone s. Proof. by rewrite /alone big_cons. Qed.
Lemma hybrid_nil : hybrid [::] = y. Proof. exact: functional_extensionality_dep. Qed.

Lemma one_more i s : i \notin s -> uniq s ->
  F (deviate (hybrid s) (w i)) - F (hybrid s) <= F (deviate y (w i)) - F y + C * (dist (y i) (w i) * moved s).
Proof.
elim: s => [|j s IH] is_ /=; first by move=> _; rewrite hybrid_nil /moved big_nil; lra.
case/andP=> js us; move: is_; rewrite in_cons negb_or => /andP[/eqP ij is_].
have K := mixed ij (hybrid_ball s) (wb i) (wb j); have := IH is_ us.
rewrite (hybrid_cons js) moved_cons.
rewrite (_ : hybrid s i = y i) in K; last by rewrite /hybrid (negbTE is_).
rewrite (_ : hybrid s j = y j) in K; last by rewrite /hybrid (negbTE js).
by have := Rle_trans _ _ _ (Rle_abs _) K; lra.
Qed.

Lemma together s : uniq s ->
  F (hybrid s) - F y <= alone s + C / 2 * (moved s * moved s).
Proof.
elim: s => [|i s IH] /=; first by move=> _; rewrite hybrid_nil /alone /moved !big_nil; lra.
case/andP=> is_ us; rewrite (hybrid_cons is_) moved_cons alone_cons; have := one_more is_ us; have := IH us.
have d0 := dist_ge0 (y i) (w i); have m0 := moved_ge0 s.
have := Rmult_le_pos _ _ (Rlt_le _ _ C0) (Rle_0_sqr (dist (y i) (w i))); rewrite /Rsqr; lra.
Qed.
End Hybrid.

(* 1. the error bound *)
Theorem local_error_bound y (g : I -> R) : ball R1 y -> (forall i (z : X i), F (deviate y z) - F y <= g i) ->
  mu / (2 * (C * N)) * (F xs - F y) <= \sum_i g i.
Proof.
move=> yb gain; have CN : 0 < C * N by lra.
pose t := mu / (C * N).
have t0 : 0 < t by exact: Rdiv_lt_0_compat.
have t1 : t <= 1 by apply: (Rmult_le_reg_r (C * N)) => //; rewrite /t /Rdiv Rmult_assoc Rinv_l; lra.
have t01 : 0 <= t <= 1 by lra.
pose w : P := fun i => toward t (y i).
have wb : ball R1 w by move=> i; apply: Rle_trans (toward_near _ t01) (yb i).
have H := @together y w yb wb (index_enum I) (index_enum_uniq I).
have E : hybrid y w (index_enum I) = w by apply: functional_extensionality_dep => i; rewrite /hybrid mem_index_enum.
rewrite E /alone /moved in H; set M := \sum_i dist (y i) (w i) in H.
have M0 : 0 <= M by apply: sum_ge0 => i _; exact: dist_ge0.
set D := \sum_i (dist (y i) (xs i) * dist (y i) (xs i)).
have MD : M * M <= t * t * (N * D).
  set d := \sum_i dist (y i) (xs i).
  have Mt : M <= t * d by rewrite /M /d -sum_scal; apply: sum_le => i _; exact: toward_step.
  have S : d * d <= N * D by exact: square_of_sum_le.
  have MM := Rmult_le_compat _ _ _ _ M0 M0 Mt Mt.
  by have := Rmult_le_compat_l (t * t) _ _ (Rle_0_sqr t) S; lra.
have G := growth yb; rewrite -/D in G.
have W := concave yb t01; rewrite -/w in W.
have L : \big[Rplus/0]_(i <- index_enum I) (F (deviate y (w i)) - F y) <= \sum_i g i.
  by apply: sum_le => i _; exact: gain.
have N0 : 0 < N by apply: (Rmult_lt_reg_l C) => //; lra.
have tE : C * N * t = mu by rewrite /t; field; split; lra.
have B : C / 2 * (M * M) <= t / 2 * (F xs - F y).
  have c2 : 0 <= C / 2 by lra.
  have t2 : 0 <= t / 2 by lra.
  have B1 := Rmult_le_compat_l _ _ _ c2 MD; have B2 := Rmult_le_compat_l _ _ _ t2 G.
  have B3 : t / 2 * (mu * D) = C / 2 * (t * t * (N * D)) by rewrite -tE; field.
  by rewrite B3 in B2; apply: Rle_trans B1 B2.
have -> : mu / (2 * (C * N)) * (F xs - F y) = t / 2 * (F xs - F y) by rewrite /t; field; split; lra.
lra.
Qed.

(* 2. a run in turns *)
Variables (x : nat -> P) (who : nat -> I) (T : nat).
Hypotheses (in_turns : forall t i, exists2 k, (k < T)%nat & who (t + k)%nat = i)
  (responds : forall t, exists z : X (who t), best_response F (x t) z /\ x t.+1 = deviate (x t) z)
  (answer : forall y i, exists z : X i, best_response F y z)
  (answer_near : forall y i (z : X i), ball R0 y -> best_response F y z -> dist z (xs i) <= R1)
  (answer_gains : forall y i (z : X i), ball R0 y -> best_response F y z -> a * (dist (y i) z * dist (y i) z) <= F (deviate y z) - F y)
  (starts_near : ball R0 (x 0%nat)) (starts_high : F xs - F (x 0%nat) <= mu * (R0 * R0)).

Lemma deviate_to_itself y i : deviate y (y i) = y :> P.
Proof. by apply: functional_extensionality_dep => j; rewrite /deviate; case: eqP => // e; case: _ / e. Qed.
Lemma run_rises t : F (x t) <= F (x t.+1).
Proof. by have [z [B ->]] := responds t; rewrite -{1}(deviate_to_itself (x t) (who t)); exact: B. Qed.
Lemma run_rises_by t k : F (x t) <= F (x (t + k)%nat).
Proof. by elim: k => [|k IH]; [rewrite addn0; lra|rewrite addnS; apply: Rle_trans IH (run_rises _)]. Qed.

(* the run never leaves the smaller ball *)
Theorem run_stays_near t : ball R0 (x t).
Proof.
suff H : ball R0 (x t) /\ F xs - F (x t) <= mu * (R0 * R0) by case: H.
elim: t => [|t [b h]]; first by split.
have up := run_rises t; split; last by lra.
have [z [B E]] := responds t.
have b1 : ball R1 (x t.+1).
  move=> i; rewrite E; case: (@eqP _ (who t) i) => [e|ne]; last by rewrite deviate_other //; have := b i; lra.
  by case: _ / e; rewrite deviate_same; exact: answer_near b B.
have G := growth b1; move=> i.
have := @sum_ge_term _ (fun i => dist (x t.+1 i) (xs i) * dist (x t.+1 i) (xs i)) i (fun i => Rle_0_sqr _) => T1.
have T2 := Rmult_le_compat_l mu _ _ (Rlt_le _ _ mu0) T1.
have T3 : dist (x t.+1 i) (xs i) * dist (x t.+1 i) (xs i) <= R0 * R0 by apply: (Rmult_le_reg_l mu) => //; lra.
exact: Rsqr_incr_0_var.
Qed.

Notation step t := (dist (x t (who t)) (x t.+1 (who t))).
Lemma stays_in_R1 t : ball R1 (x t).
Proof. by move=> i; have := run_stays_near t i; lra. Qed.
Lemma step_gains t : a * (step t * step t) <= F (x t.+1) - F (x t).
Proof. by have [z [B E]] := responds t; rewrite E deviate_same; apply: answer_gains B; exact: run_stays_near. Qed.

Lemma gain_before t k i (z : X i) : dist z (xs i) <= R1 -> (forall l, (l < k)%nat -> who (t + l)%nat <> i) ->
  x (t + k)%nat i = x t i /\ F (deviate (x t) z) - F (x t) <= F (deviate (x (t + k)%nat) z) - F (x (t + k)%nat)
    + C * (dist (x t i) z * (\sum_(l : 'I_k) step (t + l)%nat)).
Proof.
move=> zb; elim: k => [|k IH] others; first by rewrite addn0 big_ord0 Rmult_0_r Rmult_0_r; split=> //; lra.
have [same le] := IH (fun l lk => others l (ltnW lk)); have ne := others k (ltnSn k).
have [v [B E]] := responds (t + k)%nat; rewrite addnS E; split; first by rewrite deviate_other.
have vb : dist v (xs (who (t + k)%nat)) <= R1 by apply: answer_near B; exact: run_stays_near.
have K := @mixed (x (t + k)%nat) i (who (t + k)%nat) z v (fun e => ne (esym e)) (@stays_in_R1 _) zb vb.
rewrite big_ord_recr /= E deviate_same; rewrite same in K; rewrite -Rabs_Ropp in K.
by have L := Rle_trans _ _ _ (Rle_abs _) K; move: le L; set sum := \sum_(l : 'I_k) _; lra.
Qed.

Notation growth_factor := (2 + C / a * (C / a) * INR T).
Theorem gain_before_a_round t i (z : X i) : F (deviate (x t) z) - F (x t) <= growth_factor * (F (x (t + T)%nat) - F (x t)).
Proof.
have [best B] := answer (x t) i; apply: (Rle_trans _ (F (deviate (x t) best) - F (x t))); first by have := B z; lra.
have nb := run_stays_near t; have zb := answer_near nb B; have ag := answer_gains nb B.
have ex : exists k, (who (t + k)%nat == i) && (k < T)%nat by have [k kT Ek] := in_turns t i; exists k; rewrite Ek eqxx.
case: (ex_minnP ex) => k /andP[/eqP Ek kT] least.
have [same le] := @gain_before t k i best zb (fun l lk e => ltac:(
  by have := least l; rewrite e eqxx (ltn_trans lk kT) /= leqNgt lk => /(_ isT))).
set S := \sum_(l : 'I_k) _ in le; set d := dist (x t i) best in ag le *.
have mk : F (deviate (x (t + k)%nat) best) - F (x (t + k)%nat) <= F (x (t + k).+1) - F (x (t + k)%nat).
  have [v [Bv ->]] := responds (t + k)%nat; move: (best) => b; move: b; rewrite -Ek => b; by have := Bv b; lra.
have M0 := run_rises_by t k; have m0 := run_rises (t + k)%nat.
have whole : F (x (t + k).+1) <= F (x (t + T)%nat).
  by rewrite (_ : (t + T = (t + k).+1 + (T - k.+1))%nat); [exact: run_rises_by|rewrite -addnS -addnA subnKC].
have tele : \sum_(l : 'I_k) (F (x (t + l).+1) - F (x (t + l)%nat)) = F (x (t + k)%nat) - F (x t).
  by elim: k {Ek kT least same le S mk M0 m0 whole} => [|k IH]; [rewrite big_ord0 addn0; ring|rewrite big_ord_recr /= IH addnS; ring].
have SS : a * (S * S) <= INR T * (F (x (t + k)%nat) - F (x t)).
  have := square_of_sum_le (fun l : 'I_k => step (t + l)%nat); rewrite card_ord -/S => Q.
  have Q1 : a * (\sum_(l : 'I_k) (step (t + l)%nat * step (t + l)%nat)) <= F (x (t + k)%nat) - F (x t).
    by rewrite -tele -sum_scal; apply: sum_le => l _; exact: step_gains.
  set q := \sum_(l : 'I_k) _ in Q Q1; set m := F _ - F _ in Q1 *.
  have m00 : 0 <= m by rewrite /m; lra.
  have kT' : INR k <= INR T by apply: le_INR; apply/leP; exact: ltnW.
  have Q2 := Rmult_le_compat_l a _ _ (Rlt_le _ _ a0) Q.
  have Q3 := Rmult_le_compat_l (INR k) _ _ (pos_INR k) Q1; have Q4 := Rmult_le_compat_r m _ _ m00 kT'; lra.
have young : C * (d * S) <= a * (d * d) / 2 + C / a * (C / a) * (a * (S * S)) / 2.
  have := Rle_0_sqr (a * d - C * S); rewrite /Rsqr => Y.
  have Y1 : 2 * a * (C * (d * S)) <= a * a * (d * d) + C * C * (S * S) by lra.
  apply: (Rmult_le_reg_l (2 * a)); first by lra.
  have -> : 2 * a * (a * (d * d) / 2 + C / a * (C / a) * (a * (S * S)) / 2) = a * a * (d * d) + C * C * (S * S) by field; lra.
  exact: Y1.
have Ca : 0 <= C / a * (C / a) by exact: Rle_0_sqr.
have U := Rmult_le_compat_l _ _ _ Ca SS.
have V := Rmult_le_pos _ _ (Rmult_le_pos _ _ Ca (pos_INR T)) (Rle_0_sqr 1).
have W : C / a * (C / a) * (INR T * (F (x (t + k)%nat) - F (x t))) <= C / a * (C / a) * INR T * (F (x (t + T)%nat) - F (x t)).
  by rewrite -Rmult_assoc; apply: Rmult_le_compat_l; [apply: Rmult_le_pos => //; exact: pos_INR|lra].
lra.
Qed.

(* 3. the rate *)
Definition local_factor : R := 1 - mu / (2 * (C * N) * (N * growth_factor)).
Theorem local_round t : F xs - F (x (t + T)%nat) <= local_factor * (F xs - F (x t)).
Proof.
have N0 : 0 < N by apply: lt_0_INR; apply/ltP; apply/card_gt0P; exists (who 0%nat).
have CN : 0 < C * N by exact: Rmult_lt_0_compat.
have gf : 0 < growth_factor by have := Rmult_le_pos _ _ (Rle_0_sqr (C / a)) (pos_INR T); rewrite /Rsqr; lra.
have := local_error_bound (@stays_in_R1 t) (@gain_before_a_round t); rewrite sum_const => E.
rewrite /local_factor; move: gf E; set g := growth_factor; set D := F (x (t + T)%nat) - F (x t) => gf E.
have p : 0 < N * g by exact: Rmult_lt_0_compat.
have K : mu / (2 * (C * N) * (N * g)) * (F xs - F (x t)) <= D.
  apply: (Rmult_le_reg_l (N * g)) => //.
  have -> : N * g * (mu / (2 * (C * N) * (N * g)) * (F xs - F (x t))) = mu / (2 * (C * N)) * (F xs - F (x t)).
    by field; repeat split; lra.
  lra.
by move: K; rewrite /D; lra.
Qed.

Lemma local_factor_range : 0 <= local_factor < 1.
Proof.
have N0 : 1 <= N by apply: (le_INR 1); apply/leP; apply/card_gt0P; exists (who 0%nat).
have CN : 0 < C * N by lra.
have gf : 2 <= growth_factor by have := Rmult_le_pos _ _ (Rle_0_sqr (C / a)) (pos_INR T); rewrite /Rsqr; lra.
have n1 : 1 <= N * growth_factor by have := Rmult_le_compat 1 N 1 growth_factor; lra.
set den := 2 * (C * N) * (N * growth_factor).
have den0 : mu <= den by rewrite /den; have := Rmult_le_compat_l (2 * (C * N)) _ _ ltac:(lra) n1; lra.
have dp : 0 < den by lra.
have q0 : 0 < mu / den by exact: Rdiv_lt_0_compat.
have q1 : mu / den <= 1 by apply: (Rmult_le_reg_r den) => //; rewrite /Rdiv Rmult_assoc Rinv_l; lra.
by rewrite /local_factor -/den; lra.
Qed.

Theorem local_linear_rate n : let gap := F xs - F (x 0%nat) in
  F xs - F (x (n * T)%nat) <= local_factor ^ n * gap
  /\ \sum_i (dist (x (n * T)%nat i) (xs i) * dist (x (n * T)%nat i) (xs i)) <= local_factor ^ n * (gap / mu).
Proof.
move=> gap; have [q0 _] := local_factor_range.
have H : F xs - F (x (n * T)%nat) <= local_factor ^ n * gap.
  elim: n => [|n IH]; first by rewrite mul0n /= Rmult_1_l; exact: Rle_refl.
  rewrite mulSn addnC; apply: Rle_trans (local_round _) _; rewrite /= Rmult_assoc; exact: Rmult_le_compat_l.
split=> //; apply: (Rmult_le_reg_l mu) => //; apply: Rle_trans (growth (@stays_in_R1 _)) _; apply: Rle_trans H _.
by apply: Req_le; field; lra.
Qed.
End LocalRate.
