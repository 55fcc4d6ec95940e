(* The local linear rate (LocalRate.v) of AlberDICE's runs in an MMDP: any number of agents, states and actions, alpha > 0.

   |p - q| is the 1-norm of two policies of an agent, over all states.  A best response gains at least a |step|^2, a = alpha delta^2 / 16,
   wherever every state is visited at least delta: an exact update gains alpha KL(d_old || d_new), which is a squared distance.
   What the neighbourhood of the strict maximum has to satisfy are hypotheses: growth, concavity, the mixed bound, and that best
   responses from the smaller ball lie in the larger one. *)
From Coq Require Import Reals Lra Arith FunctionalExtensionality Classical_Prop.
From mathcomp Require Import all_ssreflect.
From AlberDICE Require Import RealSums Inequalities Limits Lemma41 FrozenReward RegularisedLP BlockAscent Occupancy StateValues Convergence
  ExactGain Existence FiniteSample LinearRate LocalRate.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Local Open Scope R_scope.

(* (1-norm)^2 <= 4 KL *)
Lemma l1_square_le_KL (T : finType) (p q : T -> R) : (forall x, 0 <= p x) -> (forall x, 0 <= q x) ->
  (forall x, q x = 0 -> p x = 0) -> \sum_x p x = 1 -> \sum_x q x = 1 -> l1 p q * l1 p q <= 4 * KL p q.
Proof.
move=> p0 q0 pq p1 q1; pose u x := Rabs (sqrt (p x) - sqrt (q x)); pose v x := sqrt (p x) + sqrt (q x).
have v0 x : 0 <= v x by have := sqrt_pos (p x); have := sqrt_pos (q x); rewrite /v; lra.
have E : l1 p q = \sum_x (u x * v x).
  apply: eq_bigr => x _; rewrite /u -{1}(Rabs_pos_eq _ (v0 x)) -Rabs_mult /v; congr Rabs.
  by have := sqrt_sqrt _ (p0 x); have := sqrt_sqrt _ (q0 x); lra.
rewrite E; set M := \sum_x (u x * v x); pose H := \sum_x (u x * u x); pose V := \sum_x (v x * v x).
have HK : H <= KL p q.
  apply: Rle_trans (hellinger_le_KL p0 q0 pq _); last by rewrite p1 q1.
  by right; apply: eq_bigr => x _; rewrite /u -Rabs_mult Rabs_pos_eq //; exact: Rle_0_sqr.
have term x : p x + q x <= v x * v x <= 2 * p x + 2 * q x.
  have := sqrt_sqrt _ (p0 x); have := sqrt_sqrt _ (q0 x); have := Rle_0_sqr (sqrt (p x) - sqrt (q x)).
  by have := Rmult_le_pos _ _ (sqrt_pos (p x)) (sqrt_pos (q x)); rewrite /v /Rsqr; lra.
have V4 : V <= 4.
  apply: Rle_trans (sum_le (P := xpredT) (fun x _ => (term x).2)) _; rewrite sum_add !sum_scal p1 q1; lra.
have V2 : 2 <= V.
  by apply: Rle_trans (sum_le (P := xpredT) (fun x _ => (term x).1)); rewrite sum_add p1 q1; lra.
have CS : M * M <= V * H.
  have S : 0 <= \sum_x ((V * u x - M * v x) * (V * u x - M * v x)) by apply: sum_ge0 => x _; exact: Rle_0_sqr.
  rewrite (eq_bigr (fun x => V * V * (u x * u x) - 2 * V * M * (u x * v x) + M * M * (v x * v x))) in S => [|x _]; last by ring.
  rewrite sum_add sum_sub !sum_scal -/M -/H -/V in S.
  by apply: (Rmult_le_reg_l V); lra.
have H0 : 0 <= H by apply: sum_ge0 => x _; exact: Rle_0_sqr.
have := Rmult_le_compat_r H _ _ H0 V4; lra.
Qed.

Section LocalRateMMDP.
Variables (I S : finType) (A : I -> finType) (G : mmdp S A) (alpha : R).
Hypothesis alpha_gt0 : 0 < alpha.
Notation JA := (joint_action A).
Notation SJA := (S * JA)%type.
Notation policy := (policy S A).
Notation joint_policy := (joint_policy S A).
Notation dS := (state_occupancy G).
Notation dJ := (joint_occupancy G).
Notation F := (common_objective G alpha).

Definition policy_dist i (p q : policy i) : R := \sum_s l1 (proj1_sig p s) (proj1_sig q s).
Lemma policy_dist_ge0 i (p q : policy i) : 0 <= policy_dist p q.
Proof. by apply: sum_ge0 => s _; apply: sum_ge0 => b _; exact: Rabs_pos. Qed.

(* what agent i's best response gains, and how far it steps *)
Lemma best_response_dominates (y : joint_policy) i (p : policy i) : @best_response I policy F y i p ->
  forall z, dJ (@deviate I policy y i p) z = 0 -> dJ y z = 0.
Proof.
move=> B; have self : forall z, dJ (@deviate I policy y i (y i)) z = dJ y z.
  by apply: joint_occupancy_ext => j; rewrite /deviate; case: eqP => [e|//]; case: _ / e.
have M : maximises (feasible (transition G) (initial G) (discount G) (prob y) i)
    (joint_objective alpha (reward G) (data G)) (dJ (@deviate I policy y i p)).
  split; first exact: deviation_is_feasible.
  by move=> d /feasible_is_deviation[q Eq]; rewrite (joint_objective_ext G alpha Eq); exact: B.
have [FS _] := (regularised_LP_iff_frozen_best_response (reward G) (transition_sum1 G) (initial_sum1 G) (discount_lt1 G)
  alpha_gt0 (data_gt0 G) (prob_ge0 y) i _).1 M.
move=> z; apply: FS; have [d_i [H0 E1 F1]] := deviation_is_feasible G y (y i); exists d_i; split=> //.
  by move=> w; rewrite -E1 self.
exact: joint_occupancy_flow.
Qed.

Lemma step_within_occupancies (x z : joint_policy) i delta : (forall s, delta <= dS x s) ->
  delta * policy_dist (x i) (z i) <= 2 * l1 (dJ x) (dJ z).
Proof.
move=> visited; rewrite /policy_dist -sum_scal /l1.
have -> : 2 * (\sum_(y : SJA) Rabs (dJ x y - dJ z y)) = \sum_s (2 * (\sum_(a : JA) Rabs (dJ x (s, a) - dJ z (s, a)))).
  by rewrite sum_scal pair_bigA; congr (_ * _); apply: eq_bigr => -[].
apply: sum_le => s _; set m := \sum_(a : JA) _.
have state : Rabs (dS z s - dS x s) <= m.
  rewrite -!states_of_occupancy -sum_sub; apply: Rle_trans (abs_sum_le _) _.
  by right; apply: eq_bigr => a _; exact: Rabs_minus_sym.
have pairs : \sum_b Rabs (dS x s * prob x i s b - dS z s * prob z i s b) <= m.
  rewrite /m (partition_big (fun a : JA => a i) xpredT) //=; apply: sum_le => b _.
  rewrite -!policies_of_occupancy -sum_sub.
  elim/big_ind2: _ => [|u u' v v' H1 H2|a _]; [rewrite Rabs_R0; lra| |exact: Rle_refl].
  by apply: Rle_trans (Rabs_triang _ _) _; lra.
have l0 : 0 <= \sum_b Rabs (prob x i s b - prob z i s b) by apply: sum_ge0 => b _; exact: Rabs_pos.
apply: (Rle_trans _ (dS x s * (\sum_b Rabs (prob x i s b - prob z i s b)))); first exact: Rmult_le_compat_r.
apply: (Rle_trans _ (\sum_b (Rabs (dS x s * prob x i s b - dS z s * prob z i s b) + Rabs (dS z s - dS x s) * prob z i s b))).
  rewrite -sum_scal; apply: sum_le => b _.
  have -> : dS x s * Rabs (prob x i s b - prob z i s b) = Rabs (dS x s * (prob x i s b - prob z i s b)).
    by rewrite Rabs_mult (Rabs_pos_eq (dS x s)) //; exact: state_occupancy_ge0.
  have -> : Rabs (dS z s - dS x s) * prob z i s b = Rabs ((dS z s - dS x s) * prob z i s b).
    by rewrite Rabs_mult (Rabs_pos_eq (prob z i s b)) //; exact: prob_ge0.
  by apply: Rle_trans (Rabs_triang _ _); right; congr Rabs; ring.
by rewrite sum_add sum_scal prob_sum1; lra.
Qed.

Theorem best_response_gains_its_square (y : joint_policy) i (p : policy i) delta : 0 <= delta -> (forall s, delta <= dS y s) ->
  @best_response I policy F y i p ->
  alpha * (delta * delta) / 16 * (policy_dist (y i) p * policy_dist (y i) p) <= F (@deviate I policy y i p) - F y.
Proof.
move=> d0 visited B; rewrite (best_response_gain alpha_gt0 B); set z := deviate y p.
have E : z i = p by rewrite /z deviate_same.
have W := step_within_occupancies z i visited; rewrite E in W.
have D0 := policy_dist_ge0 (y i) p; set D := policy_dist (y i) p in W D0 *; set M := l1 _ _ in W.
have K : M * M <= 4 * KL (dJ y) (dJ z).
  apply: l1_square_le_KL; try exact: joint_occupancy_ge0; try exact: occupancy_mass.
  exact: best_response_dominates B.
have dD : 0 <= delta * D by exact: Rmult_le_pos.
have := Rmult_le_compat _ _ _ _ dD dD W W => Q.
have Q2 : alpha * (delta * D * (delta * D)) <= alpha * (16 * KL (dJ y) (dJ z)) by apply: Rmult_le_compat_l; lra.
lra.
Qed.

(* policies are equal where their probabilities are, and mixtures of policies *)
Lemma policy_eq i (p q : policy i) : same_policy p q -> p = q.
Proof.
case: p q => [p Hp] [q Hq] H; have E : p = q by apply: functional_extensionality => s; apply: functional_extensionality => b; exact: H.
by move: Hp Hq {H}; rewrite E => Hp Hq; rewrite (proof_irrelevance _ Hp Hq).
Qed.
Definition clip (t : R) : R := Rmax 0 (Rmin 1 t).
Lemma clip_range t : 0 <= clip t <= 1.
Proof. by split; [exact: Rmax_l|apply: Rmax_lub; [lra|exact: Rmin_l]]. Qed.
Lemma clip_id t : 0 <= t <= 1 -> clip t = t.
Proof. by move=> Ht; rewrite /clip Rmin_right ?Rmax_right; lra. Qed.
Lemma mixture_valid i t (p q : policy i) : 0 <= t <= 1 -> is_policy (fun s b => (1 - t) * proj1_sig p s b + t * proj1_sig q s b).
Proof.
move=> Ht; have [p0 p1] := proj2_sig p; have [q0 q1] := proj2_sig q; split=> [s b|s].
  by have ? := p0 s b; have ? := q0 s b; apply: Rplus_le_le_0_compat; apply: Rmult_le_pos => //; lra.
by rewrite sum_add !sum_scal p1 q1; ring.
Qed.
Definition mixture i t (p q : policy i) : policy i := exist _ _ (mixture_valid p q (clip_range t)).

Lemma policy_dist_sym i (p q : policy i) : policy_dist p q = policy_dist q p.
Proof. by apply: eq_bigr => s _; apply: eq_bigr => b _; exact: Rabs_minus_sym. Qed.
Lemma policy_dist_self i (p : policy i) : policy_dist p p = 0.
Proof. by apply: big1 => s _; apply: big1 => b _; rewrite Rminus_diag_eq // Rabs_R0. Qed.
Lemma mixture_from i t (p q : policy i) : 0 <= t <= 1 -> policy_dist p (mixture t p q) = t * policy_dist p q.
Proof.
move=> Ht; rewrite /policy_dist -sum_scal; apply: eq_bigr => s _; rewrite /l1 -sum_scal; apply: eq_bigr => b _ /=.
rewrite clip_id // -[t in RHS](Rabs_pos_eq t); last by lra.
by rewrite -Rabs_mult; congr Rabs; ring.
Qed.
Lemma mixture_to i t (p q : policy i) : 0 <= t <= 1 -> policy_dist (mixture t p q) q = (1 - t) * policy_dist p q.
Proof.
move=> Ht; rewrite /policy_dist -sum_scal; apply: eq_bigr => s _; rewrite /l1 -sum_scal; apply: eq_bigr => b _ /=.
rewrite clip_id // -[1 - t in RHS](Rabs_pos_eq (1 - t)); last by lra.
by rewrite -Rabs_mult; congr Rabs; ring.
Qed.

(* on the way to agent i's best response the objective rises at least as on the chord *)
Lemma towards_the_response (y : joint_policy) i (p : policy i) t : 0 <= t <= 1 -> exists r : policy i,
  (forall z, dJ (@deviate I policy y i r) z = (1 - t) * dJ y z + t * dJ (@deviate I policy y i p) z)
  /\ (1 - t) * F y + t * F (@deviate I policy y i p) <= F (@deviate I policy y i r).
Proof.
move=> Ht; have Fy : feasible (transition G) (initial G) (discount G) (prob y) i (dJ y).
  have := deviation_is_feasible G y (y i); by rewrite (deviate_to_itself (X := policy) y i).
have [r Er] := feasible_is_deviation (feasible_convex Fy (deviation_is_feasible G y p) Ht).
exists r; split=> [z|]; first by rewrite -Er.
rewrite /common_objective -(joint_objective_ext G alpha Er) /joint_objective /regularised /KL.
set z := deviate y p.
have R : \sum_x (((1 - t) * dJ y x + t * dJ z x) * reward G x)
    = (1 - t) * (\sum_x (dJ y x * reward G x)) + t * (\sum_x (dJ z x * reward G x)).
  by rewrite -!sum_scal -sum_add; apply: eq_bigr => x _; ring.
have K : \sum_x (((1 - t) * dJ y x + t * dJ z x) * ln (((1 - t) * dJ y x + t * dJ z x) / data G x))
    <= (1 - t) * (\sum_x (dJ y x * ln (dJ y x / data G x))) + t * (\sum_x (dJ z x * ln (dJ z x / data G x))).
  rewrite -!sum_scal -sum_add; apply: sum_le => x _; apply: xlnx_convex => //; try exact: joint_occupancy_ge0.
  exact: data_gt0.
have := Rmult_le_compat_l alpha _ _ (Rlt_le _ _ alpha_gt0) K; rewrite R; lra.
Qed.

Section Neighbourhood.
Variables (xs : joint_policy) (R1 R0 mu C delta : R).
Notation N := (INR #|I|).
Definition near (r : R) (y : joint_policy) : Prop := forall i, policy_dist (y i) (xs i) <= r.
Definition step_constant : R := alpha * (delta * delta) / 16.
Notation a := step_constant.
Hypotheses (mu0 : 0 < mu) (C0 : 0 < C) (d0 : 0 < delta) (R00 : 0 <= R0) (R01 : R0 <= R1) (muC : mu <= C * N)
  (small : C * (N * R0) < a * R1).
Hypotheses
  (growth : forall y, near R1 y -> mu * (\sum_i (policy_dist (y i) (xs i) * policy_dist (y i) (xs i))) <= F xs - F y)
  (concave : forall y t, near R1 y -> 0 <= t <= 1 -> (1 - t) * F y + t * F xs <= F (fun i => mixture t (y i) (xs i)))
  (mixed : forall (y : joint_policy) i j (u : policy i) (v : policy j), i <> j ->
    near R1 y -> policy_dist u (xs i) <= R1 -> policy_dist v (xs j) <= R1 ->
    Rabs (F (@deviate I policy (@deviate I policy y j v) i u) - F (@deviate I policy y j v) - F (@deviate I policy y i u) + F y)
      <= C * (policy_dist (y i) u * policy_dist (y j) v))
  (visits : forall y s, near R0 y -> delta <= dS y s).

Lemma a_gt0 : 0 < a.
Proof. by rewrite /a; have := Rmult_lt_0_compat _ _ alpha_gt0 (Rmult_lt_0_compat _ _ d0 d0); lra. Qed.

(* best responses from the smaller ball lie in the larger one *)
Theorem response_stays_near (y : joint_policy) i (p : policy i) : near R0 y -> @best_response I policy F y i p ->
  policy_dist p (xs i) <= R1.
Proof.
move=> yb B; have ap := a_gt0.
pose y' : joint_policy := @deviate I policy y i (xs i).
have twice (r : policy i) : @deviate I policy y' i r = @deviate I policy y i r.
  by apply: functional_extensionality_dep => j; rewrite /y' /deviate; case: eqP.
have y'i : y' i = xs i by rewrite /y' deviate_same.
have B' : @best_response I policy F y' i p by move=> r; rewrite !twice; exact: B.
have y'b : near R0 y'.
  move=> j; case: (@eqP _ i j) => [e|ne]; last by rewrite /y' deviate_other.
  by case: _ / e; rewrite y'i policy_dist_self.
have V s : delta <= dS y' s by exact: visits.
set z := @deviate I policy y' i p; set L := l1 (dJ y') (dJ z).
have L0 : 0 <= L by apply: sum_ge0 => x _; exact: Rabs_pos.
have W := step_within_occupancies z i V; rewrite y'i /z deviate_same -/z -/L in W.
have R1p : 0 < R1.
  have := Rmult_le_pos _ _ (Rlt_le _ _ C0) (Rmult_le_pos _ _ (pos_INR #|I|) R00) => ?.
  by apply: (Rmult_lt_reg_l a) => //; lra.
suff Ls : 2 * L <= delta * R1.
  by rewrite policy_dist_sym; apply: (Rmult_le_reg_l delta) => //; lra.
apply: Rnot_lt_le => big.
pose t := delta * R1 / (2 * L).
have Lp : 0 < L by have := Rmult_lt_0_compat _ _ d0 R1p; lra.
have tL : t * L = delta * R1 / 2 by rewrite /t; field; lra.
have t01 : 0 <= t <= 1.
  split; first by apply: Rlt_le; apply: Rdiv_lt_0_compat; [exact: Rmult_lt_0_compat|lra].
  by apply: (Rmult_le_reg_r L) => //; lra.
have [r [Dr Hr]] := @towards_the_response y' i p t t01; rewrite -/z in Dr Hr.
set w := @deviate I policy y' i r in Dr Hr.
have Lr : l1 (dJ y') (dJ w) = t * L.
  rewrite /L /l1 -sum_scal; apply: eq_bigr => x _; rewrite Dr -[t in RHS](Rabs_pos_eq t); last by lra.
  by rewrite -Rabs_mult; congr Rabs; ring.
have Wr := step_within_occupancies w i V; rewrite y'i /w deviate_same -/w Lr in Wr.
have rb : policy_dist r (xs i) <= R1 by rewrite policy_dist_sym; apply: (Rmult_le_reg_l delta) => //; lra.
have gain : alpha * (t * L) * (t * L) / 4 <= F w - F y'.
  have G0 := best_response_gain alpha_gt0 B'; rewrite -/z in G0.
  have K : L * L <= 4 * KL (dJ y') (dJ z).
    apply: l1_square_le_KL; try exact: joint_occupancy_ge0; try exact: occupancy_mass.
    exact: best_response_dominates B'.
  have K1 : alpha * (L * L) <= 4 * (F z - F y') by have := Rmult_le_compat_l alpha _ _ (Rlt_le _ _ alpha_gt0) K; lra.
  have K2 := Rmult_le_compat_l t _ _ t01.1 K1.
  have aL : 0 <= alpha * (L * L) by apply: Rmult_le_pos; [lra|exact: Rle_0_sqr].
  have K3 : t * t * (alpha * (L * L)) <= t * (alpha * (L * L)).
    by apply: Rmult_le_compat_r => //; have := Rmult_le_compat_l t _ _ t01.1 t01.2; lra.
  lra.
have cross : F w - F y' <= C * (policy_dist (xs i) r * (N * R0)).
  pose o := rem i (index_enum I); pose ww : joint_policy := @deviate I policy y i r.
  have xb : near R1 xs by move=> j; rewrite policy_dist_self; lra.
  have wb : near R1 ww.
    move=> j; rewrite /ww; case: (@eqP _ i j) => [e|ne]; last by rewrite deviate_other //; have := yb j; lra.
    by case: _ / e; rewrite deviate_same.
  have mo j : (j \in o) = (j != i).
    by rewrite mem_rem_uniq ?index_enum_uniq // inE; apply: andb_idr => _; exact: mem_index_enum.
  have io : i \notin o by rewrite mo eqxx.
  have H := @one_more I policy F xs (@policy_dist) R1 C mixed xs ww xb wb i o io (rem_uniq i (index_enum_uniq I)).
  have E : hybrid xs ww o = y'.
    apply: functional_extensionality_dep => j; rewrite /hybrid mo.
    rewrite /y' /ww; case: (@eqP _ i j) => [e|ne]; first by case: _ / e; rewrite eqxx deviate_same.
    by rewrite !deviate_other // eq_sym; case: eqP.
  rewrite E in H; have wwi : ww i = r by rewrite /ww deviate_same.
  rewrite wwi -/w in H.
  have top : F (@deviate I policy xs i r) <= F xs.
    have b1 : near R1 (@deviate I policy xs i r).
      move=> j; case: (@eqP _ i j) => [e|ne]; last by rewrite deviate_other // policy_dist_self; lra.
      by case: _ / e; rewrite deviate_same.
    have := growth b1; set q := \sum_j _ => ?.
    have q0 : 0 <= q by apply: sum_ge0 => j _; exact: Rle_0_sqr.
    by have := Rmult_le_pos _ _ (Rlt_le _ _ mu0) q0; lra.
  have M : moved (@policy_dist) xs ww o <= N * R0.
    apply: (Rle_trans _ (\big[Rplus/0]_(j <- o) R0)).
      rewrite /moved; move: io {mo H E}; elim: o => [|j o IH]; first by rewrite !big_nil; lra.
      rewrite in_cons negb_or => /andP[/eqP ij io]; rewrite !big_cons; have := IH io; have := yb j.
      by rewrite policy_dist_sym /ww deviate_other //; lra.
    rewrite -(sum_const I R0) [X in _ <= X](big_rem i) ?mem_index_enum //= -[X in X <= _]Rplus_0_l.
    exact: Rplus_le_compat R00 (Rle_refl _).
  have := Rmult_le_compat_l _ _ _ (policy_dist_ge0 (xs i) r) M => M1.
  have := Rmult_le_compat_l _ _ _ (Rlt_le _ _ C0) M1; lra.
have m0 : 0 <= C * (N * R0) by apply: Rmult_le_pos; [lra|apply: Rmult_le_pos => //; exact: pos_INR].
have Q := Rmult_le_compat_l _ _ _ m0 Wr.
have tLp : 0 < t * L by rewrite tL; have := Rmult_lt_0_compat _ _ d0 R1p; lra.
have fin : alpha * delta * (t * L) / 4 <= 2 * (C * (N * R0)).
  apply: (Rmult_le_reg_r (t * L)) => //; have := Rmult_le_compat_l _ _ _ (Rlt_le _ _ d0) (Rle_trans _ _ _ gain cross); lra.
by move: small; rewrite /a; rewrite tL in fin; lra.
Qed.

(* N agents, any S: near the strict maximum each round of T turns multiplies the gap of the values by at most the factor, and the
   policies converge to it *)
Theorem local_linear_rate_of_runs (x : nat -> joint_policy) (who : nat -> I) T : alberdice_run G alpha x who ->
  (forall t i, exists2 k, (k < T)%nat & who (t + k)%nat = i) -> near R0 (x 0%nat) -> F xs - F (x 0%nat) <= mu * (R0 * R0) ->
  (forall t, near R0 (x t)) /\ forall n, let gap := F xs - F (x 0%nat) in
    F xs - F (x (n * T)%nat) <= local_factor I mu C a T ^ n * gap
    /\ \sum_i (policy_dist (x (n * T)%nat i) (xs i) * policy_dist (x (n * T)%nat i) (xs i)) <= local_factor I mu C a T ^ n * (gap / mu).
Proof.
move=> run turns near0 high.
have responds t : exists z : policy (who t), @best_response I policy F (x t) (who t) z /\ x t.+1 = @deviate I policy (x t) (who t) z.
  have [z [/LP_update_iff_best_response B E]] := run t; exists z; split=> //.
  by apply: functional_extensionality_dep => j; apply: policy_eq; exact: E.
have step i t (p : policy i) : 0 <= t <= 1 -> policy_dist p (mixture t p (xs i)) <= t * policy_dist p (xs i).
  by move=> Ht; right; exact: mixture_from.
have shrink i t (p : policy i) : 0 <= t <= 1 -> policy_dist (mixture t p (xs i)) (xs i) <= policy_dist p (xs i).
  move=> Ht; rewrite mixture_to //; have t1 : 1 - t <= 1 by lra.
  by have := Rmult_le_compat_r _ _ _ (policy_dist_ge0 p (xs i)) t1; lra.
have gains (y : joint_policy) i (z : policy i) : near R0 y -> @best_response I policy F y i z ->
    a * (policy_dist (y i) z * policy_dist (y i) z) <= F (@deviate I policy y i z) - F y.
  by move=> yb; apply: best_response_gains_its_square; [lra|move=> s; exact: visits].
split=> [t|n].
  exact: (run_stays_near mu0 R00 R01 growth responds response_stays_near near0 high).
exact: (@local_linear_rate I policy F xs (@policy_dist) (fun i t p => mixture t p (xs i)) R1 R0 mu C a policy_dist_ge0 step shrink
  mu0 a_gt0 C0 R00 R01 muC growth concave mixed x who T turns responds (best_response_exists G (Rlt_le _ _ alpha_gt0))
  response_stays_near gains near0 high n).
Qed.
End Neighbourhood.
End LocalRateMMDP.
