(* Finite data: what an equilibrium of the EMPIRICAL model is worth in the true one.

   1. For one policy x, the returns in two models with the same p_0 and gamma differ by at most
        \sum d^x(s,a) ( |r' - r| + R gamma/(1-gamma) ||P' - P||_1 ),     |r'| <= R,   d^x the occupancy in the true model.
   2. So where the occupancies of x and of its deviations are at most c d^D (concentrability of the data's JOINT coverage), an eps-Nash
      policy of the empirical model is (eps + 2 c e)-Nash in the true one, e the d^D-weighted error of the model.
   3. K independent draws of s' at (s,a) have E ||P^ - P||_1 <= sqrt(|S|/K); with K = n d^D(s,a) draws at every (s,a) the weighted error
      is in the mean at most sqrt(|S| |S x A| / n) times R gamma/(1-gamma).
   Open here: bounds that hold with high probability; random numbers of draws; the regularised objective directly. *)
From Coq Require Import Reals Lra.
From mathcomp Require Import all_ssreflect.
From AlberDICE Require Import RealSums Inequalities Limits Lemma41 FrozenReward RegularisedLP BlockAscent Occupancy StateValues Convergence
  Sampling.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Local Open Scope R_scope.

Lemma abs_sum_le (T : finType) (f : T -> R) : Rabs (\sum_x f x) <= \sum_x Rabs (f x).
Proof.
elim/big_ind2: _ => [|a b a' b' H1 H2|x _]; [rewrite Rabs_R0; lra|apply: Rle_trans (Rabs_triang _ _) _; lra|exact: Rle_refl].
Qed.

Section TwoModels.
Variables (I S : finType) (A : I -> finType) (G G' : mmdp S A) (Rmax : R).
Notation SJA := (S * joint_action A)%type.
Notation policy := (policy S A).
Notation joint_policy := (joint_policy S A).
Hypotheses (same_initial : forall s, initial G' s = initial G s) (same_discount : discount G' = discount G)
  (reward_bound : forall y, Rabs (reward G' y) <= Rmax).
Notation gamma := (discount G).
Definition model_error (y : SJA) : R :=
  Rabs (reward G' y - reward G y) + Rmax * (gamma / (1 - gamma)) * (\sum_s' Rabs (transition G' y s' - transition G y s')).
Definition plain_return (H : mmdp S A) (x : joint_policy) : R := linear_return (reward H) (joint_occupancy H x).

Lemma plain_return_is_objective H x : plain_return H x = common_objective H 0 x.
Proof. by rewrite /plain_return /common_objective /joint_objective /regularised Rmult_0_l Rminus_0_r. Qed.

Lemma occupancies_differ (x : joint_policy) :
  (1 - gamma) * (\sum_s Rabs (state_occupancy G' x s - state_occupancy G x s))
  <= gamma * (\sum_(y : SJA) (joint_occupancy G x y * (\sum_s' Rabs (transition G' y s' - transition G y s')))).
Proof.
have flow' s' : state_occupancy G' x s' = bellman (policy_kernel G' x) (initial G) gamma (state_occupancy G' x) s'.
  by rewrite {1}/state_occupancy occupancy_flow -/(state_occupancy G' x) /bellman same_discount same_initial.
have := @occupancy_perturbation S (initial G) gamma (discount_ge0 G) (policy_kernel G x) (policy_kernel G' x) (state_occupancy G x)
  (state_occupancy G' x) (policy_kernel_ge0 G' x) (policy_kernel_sum1 G' x) (state_occupancy_ge0 G x)
  (fun s' => occupancy_flow _ _ _ _ _ _ s') flow'.
move/Rle_trans; apply; apply: Rmult_le_compat_l; first exact: discount_ge0.
have -> : \sum_(y : SJA) (joint_occupancy G x y * (\sum_s' Rabs (transition G' y s' - transition G y s')))
  = \sum_s' (\sum_s (\sum_(a : joint_action A) (joint_occupancy G x (s, a) * Rabs (transition G' (s, a) s' - transition G (s, a) s')))).
  have pb (f : SJA -> R) : \sum_(y : SJA) f y = \sum_s (\sum_(a : joint_action A) f (s, a)).
    by rewrite pair_bigA; apply: eq_bigr => -[s a] _.
  rewrite pb [RHS]exchange_big /=; apply: eq_bigr => s _.
  by rewrite [RHS]exchange_big /=; apply: eq_bigr => a _; rewrite sum_scal.
apply: sum_le => s' _; apply: sum_le => s _.
have -> : policy_kernel G' x s s' - policy_kernel G x s s'
   = \sum_(a : joint_action A) (joint_prob (prob x) s a * (transition G' (s, a) s' - transition G (s, a) s')).
  by rewrite /policy_kernel -sum_sub; apply: eq_bigr => a _; ring.
apply: (Rle_trans _ (state_occupancy G x s
   * (\sum_(a : joint_action A) (joint_prob (prob x) s a * Rabs (transition G' (s, a) s' - transition G (s, a) s'))))).
  apply: Rmult_le_compat_l; first exact: state_occupancy_ge0.
  apply: Rle_trans (abs_sum_le _) _; apply: sum_le => a _.
  by rewrite Rabs_mult (Rabs_pos_eq (joint_prob _ _ _)); [exact: Rle_refl|exact: joint_prob_ge0].
by rewrite -sum_scal; apply: sum_le => a _; rewrite /joint_occupancy /=; right; ring.
Qed.

(* 1. one policy in two models *)
Theorem returns_differ_by_the_model_error (x : joint_policy) :
  Rabs (plain_return G' x - plain_return G x) <= \sum_(y : SJA) (joint_occupancy G x y * model_error y).
Proof.
have g1 := discount_lt1 G; have g0 := discount_ge0 G.
have R0 : 0 <= Rmax \/ forall y : SJA, False.
  case: (pickP (fun _ : SJA => true)) => [y _|none]; last by right=> y; have := none y.
  by left; apply: Rle_trans (Rabs_pos _) (reward_bound y).
case: R0 => [R0|none]; last first.
  rewrite /plain_return /linear_return !big1 => [|y|y|y]; try by case: (none y).
  by rewrite Rminus_0_r Rabs_R0; exact: Rle_refl.
have -> : plain_return G' x - plain_return G x = \sum_(y : SJA) (joint_occupancy G x y * (reward G' y - reward G y))
   + \sum_(y : SJA) ((joint_occupancy G' x y - joint_occupancy G x y) * reward G' y).
  by rewrite /plain_return /linear_return -sum_sub -sum_add; apply: eq_bigr => y _; ring.
apply: Rle_trans (Rabs_triang _ _) _.
have part1 : Rabs (\sum_(y : SJA) (joint_occupancy G x y * (reward G' y - reward G y)))
   <= \sum_(y : SJA) (joint_occupancy G x y * Rabs (reward G' y - reward G y)).
  apply: Rle_trans (abs_sum_le _) _; apply: sum_le => y _.
  by rewrite Rabs_mult (Rabs_pos_eq (joint_occupancy _ _ _)); [exact: Rle_refl|exact: joint_occupancy_ge0].
have part2 : Rabs (\sum_(y : SJA) ((joint_occupancy G' x y - joint_occupancy G x y) * reward G' y))
   <= Rmax * (\sum_s Rabs (state_occupancy G' x s - state_occupancy G x s)).
  apply: Rle_trans (abs_sum_le _) _.
  apply: (Rle_trans _ (\sum_(y : SJA) (Rabs (state_occupancy G' x y.1 - state_occupancy G x y.1) * joint_prob (prob x) y.1 y.2 * Rmax))).
    apply: sum_le => y _; rewrite Rabs_mult; apply: Rmult_le_compat => //; try exact: Rabs_pos.
    have -> : joint_occupancy G' x y - joint_occupancy G x y
      = (state_occupancy G' x y.1 - state_occupancy G x y.1) * joint_prob (prob x) y.1 y.2 by rewrite Rmult_minus_distr_r.
    by rewrite Rabs_mult (Rabs_pos_eq (joint_prob _ _ _)); [exact: Rle_refl|exact: joint_prob_ge0].
  rewrite sum_scalr Rmult_comm; apply: Rmult_le_compat_l => //; right.
  rewrite -(pair_bigA _ (fun s a => Rabs (state_occupancy G' x s - state_occupancy G x s) * joint_prob (prob x) s a)) /=.
  by apply: eq_bigr => s _; rewrite sum_scal (joint_prob_sum1 (prob_sum1 x)) Rmult_1_r.
have D := occupancies_differ x; set TV := \sum_s Rabs _ in part2 D.
have {}D : TV <= gamma / (1 - gamma) * (\sum_(y : SJA) (joint_occupancy G x y * (\sum_s' Rabs (transition G' y s' - transition G y s')))).
  apply: (Rmult_le_reg_l (1 - gamma)); first by lra.
  by apply: Rle_trans D _; right; field; lra.
have := Rmult_le_compat_l _ _ _ R0 D.
have -> : \sum_(y : SJA) (joint_occupancy G x y * model_error y) = \sum_(y : SJA) (joint_occupancy G x y * Rabs (reward G' y - reward G y))
  + Rmax * (gamma / (1 - gamma) * (\sum_(y : SJA) (joint_occupancy G x y * (\sum_s' Rabs (transition G' y s' - transition G y s'))))).
  by rewrite -!sum_scal -sum_add; apply: eq_bigr => y _; rewrite /model_error; ring.
lra.
Qed.

(* 2. an equilibrium of one model in the other *)
Variables (c : R).
Definition concentrated (x : joint_policy) : Prop := forall y, joint_occupancy G x y <= c * data G y.
Definition weighted_error : R := \sum_(y : SJA) (data G y * model_error y).

Lemma model_error_ge0 y : 0 <= model_error y.
Proof.
have g1 := discount_lt1 G; have g0 := discount_ge0 G.
have R0 : 0 <= Rmax by apply: Rle_trans (Rabs_pos _) (reward_bound y).
apply: Rplus_le_le_0_compat; first exact: Rabs_pos.
apply: Rmult_le_pos; last by apply: sum_ge0 => s _; exact: Rabs_pos.
by apply: Rmult_le_pos => //; apply: Rmult_le_pos => //; apply: Rlt_le; apply: Rinv_0_lt_compat; lra.
Qed.

Lemma returns_differ_if_concentrated x : concentrated x -> Rabs (plain_return G' x - plain_return G x) <= c * weighted_error.
Proof.
move=> cx; apply: Rle_trans (returns_differ_by_the_model_error x) _; rewrite /weighted_error -sum_scal.
apply: sum_le => y _; rewrite -Rmult_assoc; apply: Rmult_le_compat_r; [exact: model_error_ge0|exact: cx].
Qed.

Theorem empirical_equilibrium (x : joint_policy) eps : concentrated x ->
  @eps_nash I policy (common_objective G' 0) eps x ->
  forall i (z : policy i), concentrated (@deviate I policy x i z) ->
  common_objective G 0 (@deviate I policy x i z) <= common_objective G 0 x + (eps + 2 * (c * weighted_error)).
Proof.
move=> cx N i z cz; have := N i z; rewrite -!plain_return_is_objective => n.
have a1 := returns_differ_if_concentrated cx; have a2 := returns_differ_if_concentrated cz.
move: a1 a2; rewrite /Rabs; do 2![case: Rcase_abs => ?]; lra.
Qed.
End TwoModels.

(* ---------- 3. independent draws of the next state ---------- *)
Lemma square_of_sum_le (T : finType) (f : T -> R) : (\sum_x f x) * (\sum_x f x) <= INR #|T| * (\sum_x (f x * f x)).
Proof.
case: (posnP #|T|) => [E|T0].
  by rewrite !big1 => [|x _|x _]; rewrite ?E /=; try lra; have := card0_eq E x; rewrite inE.
have n0 : 0 < INR #|T| by apply: lt_0_INR; apply/ltP.
pose m := (\sum_x f x) / INR #|T|.
have H : 0 <= \sum_x ((f x - m) * (f x - m)) by apply: sum_ge0 => x _; exact: Rle_0_sqr.
have E : \sum_x ((f x - m) * (f x - m)) = \sum_x (f x * f x) - INR #|T| * (m * m).
  rewrite (eq_bigr (fun x => f x * f x - 2 * m * f x + m * m)) => [|x _]; last by ring.
  by rewrite sum_add sum_sub sum_scal sum_const /m; field; lra.
have M : INR #|T| * (INR #|T| * (m * m)) = (\sum_x f x) * (\sum_x f x) by rewrite /m; field; lra.
rewrite E in H; have := Rmult_le_pos _ _ (Rlt_le _ _ n0) H; rewrite Rmult_minus_distr_l M; lra.
Qed.

Section Draws.
Variables (S : finType) (P : S -> R) (K : nat).
Hypotheses (K0 : (0 < K)%nat) (P0 : forall s, 0 <= P s) (P1 : \sum_s P s = 1).
Notation batch := (joint_action (fun _ : 'I_K => S)).
(* the empirical frequency of s' *)
Definition frequency (t : batch) (s : S) : R := batch_mean (fun z => if z == s then 1 else 0) t.
Let Z0 : \sum_s P s <> 0. Proof. by rewrite P1; lra. Qed.
Let Zp : 0 < \sum_s P s. Proof. by rewrite P1; lra. Qed.
Notation mean_over_batches := (expectation (K := K) P).

Lemma frequency_mean s : mean_over_batches (fun t => frequency t s) = P s.
Proof.
rewrite (batch_mean_expectation K0 Z0) /drawn_mean P1.
by rewrite (eq_bigr (fun z => (if z == s then 1 else 0) * P z)) => [|z _]; [rewrite sum_pick; field|ring].
Qed.
Lemma frequency_variance s : mean_over_batches (fun t => (frequency t s - P s) * (frequency t s - P s)) = P s * (1 - P s) / INR K.
Proof.
have M : drawn_mean P (fun z => if z == s then 1 else 0) = P s.
  rewrite /drawn_mean P1 (eq_bigr (fun z => (if z == s then 1 else 0) * P z)) => [|z _]; last by ring.
  by rewrite sum_pick; field.
have := batch_mean_variance K0 Z0 (fun z => if z == s then 1 else 0); rewrite M => ->.
rewrite /drawn_variance M /drawn_mean P1; congr (_ / _).
rewrite (eq_bigr (fun z => (1 - 2 * P s) * ((if z == s then 1 else 0) * P z) + P s * P s * P z)) => [|z _].
  by rewrite sum_add !sum_scal sum_pick P1; field.
by case: eqP => _; ring.
Qed.

(* the mean of |X| is at most the root of the mean of X^2 *)
Lemma mean_abs_le h : mean_over_batches (fun t => Rabs (h t)) <= sqrt (mean_over_batches (fun t => h t * h t)).
Proof.
set m := mean_over_batches (fun t => Rabs (h t)).
have m0 : 0 <= m.
  by rewrite -(expectation_const K0 Z0 0); apply: expectation_le => // t; exact: Rabs_pos.
have H : m * m <= mean_over_batches (fun t => h t * h t).
  have : 0 <= mean_over_batches (fun t => (Rabs (h t) - m) * (Rabs (h t) - m)).
    by rewrite -(expectation_const K0 Z0 0); apply: expectation_le => // t; exact: Rle_0_sqr.
  rewrite (@expectation_ext S P K _ (fun t => 1 * (h t * h t) + (-1) * (2 * m * Rabs (h t) + (- (m * m)) * 1))) => [|t].
    by rewrite !expectation_lin expectation_const // -/m; lra.
  have A : Rabs (h t) * Rabs (h t) = h t * h t by rewrite -Rabs_mult Rabs_pos_eq //; exact: Rle_0_sqr.
  have -> : (Rabs (h t) - m) * (Rabs (h t) - m) = Rabs (h t) * Rabs (h t) - 2 * m * Rabs (h t) + m * m by ring.
  by rewrite A; ring.
by rewrite -(sqrt_square m) //; apply: sqrt_le_1_alt.
Qed.

Theorem empirical_distribution_error :
  mean_over_batches (fun t => \sum_s Rabs (frequency t s - P s)) <= sqrt (INR #|S| / INR K).
Proof.
have kp : 0 < INR K by apply: lt_0_INR; apply/ltP.
rewrite (@expectation_sum S P K _ (fun s t => Rabs (frequency t s - P s))).
set e := fun s => mean_over_batches (fun t => Rabs (frequency t s - P s)).
have e0 s : 0 <= e s by rewrite -(expectation_const K0 Z0 0); apply: expectation_le => // t; exact: Rabs_pos.
have Ple s : P s <= 1 by rewrite -P1; exact: sum_ge_term.
have v0 s : 0 <= P s * (1 - P s) / INR K.
  apply: Rmult_le_pos; last by apply: Rlt_le; exact: Rinv_0_lt_compat.
  by apply: Rmult_le_pos => //; have := Ple s; lra.
have sq s : e s * e s <= P s * (1 - P s) / INR K.
  have := mean_abs_le (fun t => frequency t s - P s); rewrite frequency_variance -/(e s) => le.
  rewrite -(sqrt_sqrt _ (v0 s)); exact: Rmult_le_compat.
have tot : (\sum_s e s) * (\sum_s e s) <= INR #|S| / INR K.
  apply: Rle_trans (square_of_sum_le e) _; apply: Rmult_le_compat_l; first exact: pos_INR.
  apply: Rle_trans (sum_le (fun s _ => sq s)) _; rewrite /Rdiv sum_scalr -[X in _ <= X]Rmult_1_l.
  apply: Rmult_le_compat_r; first by apply: Rlt_le; exact: Rinv_0_lt_compat.
  apply: (Rle_trans _ (\sum_s P s)); last by rewrite P1; lra.
  by apply: sum_le => s _; have := Rmult_le_pos _ _ (P0 s) (P0 s); lra.
rewrite -(sqrt_square (\sum_s e s)); last by apply: sum_ge0.
exact: sqrt_le_1_alt.
Qed.
End Draws.

(* with n d^D(s,a) draws at every pair: the d^D-weighted mean error is at most sqrt(|S| |X| / n), X the pairs *)
Theorem weighted_sampling_error (X S : finType) (dD : X -> R) (P : X -> S -> R) (K : X -> nat) (n : R) :
  0 < n -> (forall x, 0 < dD x) -> \sum_x dD x = 1 -> (forall x s, 0 <= P x s) -> (forall x, \sum_s P x s = 1) ->
  (forall x, (0 < K x)%nat) -> (forall x, INR (K x) = n * dD x) ->
  \sum_x (dD x * expectation (K := K x) (P x) (fun t => \sum_s Rabs (frequency t s - P x s))) <= sqrt (INR #|S| * INR #|X| / n).
Proof.
move=> n0 d0 d1 P0 P1 K0 KE; have iv := Rinv_0_lt_compat _ n0.
have s0 : 0 <= INR #|S| / n by apply: Rmult_le_pos; [exact: pos_INR|lra].
apply: (Rle_trans _ (\sum_x (sqrt (INR #|S| / n) * sqrt (dD x)))).
  apply: sum_le => x _; have h := empirical_distribution_error (K0 x) (P0 x) (P1 x).
  apply: Rle_trans (Rmult_le_compat_l _ _ _ (Rlt_le _ _ (d0 x)) h) _; right.
  rewrite KE -sqrt_mult //; last by apply: Rlt_le.
  have -> : dD x * sqrt (INR #|S| / (n * dD x)) = sqrt (dD x * dD x) * sqrt (INR #|S| / (n * dD x)).
    by rewrite sqrt_square //; apply: Rlt_le.
  rewrite -sqrt_mult; first by congr sqrt; have dx := d0 x; field; lra.
    by apply: Rmult_le_pos; apply: Rlt_le.
  apply: Rmult_le_pos; first exact: pos_INR.
  by apply: Rlt_le; apply: Rinv_0_lt_compat; exact: Rmult_lt_0_compat.
rewrite sum_scal.
have -> : INR #|S| * INR #|X| / n = INR #|S| / n * INR #|X| by rewrite /Rdiv; ring.
rewrite sqrt_mult //; last exact: pos_INR.
apply: Rmult_le_compat_l; first exact: sqrt_pos.
have r0 : 0 <= \sum_x sqrt (dD x) by apply: sum_ge0 => x _; exact: sqrt_pos.
rewrite -(sqrt_square _ r0); apply: sqrt_le_1_alt; apply: Rle_trans (square_of_sum_le _) _.
rewrite (eq_bigr dD) => [|x _]; last by rewrite sqrt_sqrt //; apply: Rlt_le.
by rewrite d1; lra.
Qed.
