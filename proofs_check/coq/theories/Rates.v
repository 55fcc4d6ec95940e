(* Rates, and what alpha-Nash means at alpha = 0.

   1. Any number of agents in turns, alpha >= 0, with the rule "move only for a gain above eps": an eps-Nash policy appears within
      (B - F_0)/eps rounds of N turns.  Without the rule three agents can cycle for ever at alpha = 0 (CycleLP).
   2. Two agents in turns, without any rule: eps-Nash within (B - F_1)/eps updates.
   3. With data that cover everything, an eps-Nash policy of the alpha-game is (eps + alpha ln(1/min d^D))-Nash for the plain return;
      so every accumulation point of policies that are eps_n-Nash at alpha_n, both falling to 0, is Nash at alpha = 0.
      With data that have holes: file Holes. *)
From Coq Require Import Reals Lra Arith.
From mathcomp Require Import all_ssreflect.
From AlberDICE Require Import RealSums Inequalities Limits Lemma41 FrozenReward RegularisedLP BlockAscent Occupancy StateValues Convergence.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Local Open Scope R_scope.

(* ---------- 1. agents in turns that move only for a gain above eps ---------- *)
Section InTurns.
Variables (I : eqType) (X : I -> Type).
Notation P := (forall i, X i).
Variables (F : P -> R) (same : forall i, X i -> X i -> Prop) (B eps : R).
Hypotheses (same_refl : forall i (y : X i), same y y)
  (same_trans : forall i (u v w : X i), same u v -> same v w -> same u w)
  (F_ext : forall x y : P, (forall i, same (x i) (y i)) -> F x = F y)
  (F_bound : forall y, F y <= B) (eps0 : 0 < eps).
Variables (x : nat -> P) (who : nat -> I) (N : nat).
Hypothesis in_turns : forall t i, exists2 k, (k < N)%nat & who (t + k)%nat = i.

(* the agent whose turn it is stays if it can gain at most eps, and otherwise moves for a gain above eps *)
Definition gains_at_most (y : P) (i : I) : Prop := forall z : X i, F (deviate y z) <= F y + eps.
Definition stays t : Prop := gains_at_most (x t) (who t) /\ forall j, same (x t.+1 j) (x t j).
Hypothesis turn : forall t, stays t \/ F (x t) + eps < F (x t.+1).

Lemma round_quiet_or_gains t n :
  (forall k, (k < n)%nat -> stays (t + k)%nat) \/ F (x t) + eps < F (x (t + n)%nat).
Proof.
have rises s : F (x s) <= F (x s.+1) by case: (turn s) => [[_ E]|]; [rewrite (F_ext E)|]; lra.
elim: n => [|n [quiet|up]]; first by left.
  have flat k : (k <= n)%nat -> F (x (t + k)%nat) = F (x t).
    elim: k => [|k IH] kn; first by rewrite addn0.
    by rewrite addnS -(IH (ltnW kn)); apply: F_ext; case: (quiet k kn).
  case: (turn (t + n)%nat) => [st|up]; last by right; rewrite addnS -(flat n).
  by left => k; rewrite ltnS leq_eqVlt => /orP[/eqP -> //|]; exact: quiet.
by right; rewrite addnS; have := rises (t + n)%nat; lra.
Qed.

Lemma quiet_round_is_eps_nash t : (forall k, (k < N)%nat -> stays (t + k)%nat) -> eps_nash F eps (x t).
Proof.
move=> quiet i z; have [k kN Ek] := in_turns t i.
have still n : (n <= k)%nat -> forall j, same (x (t + n)%nat j) (x t j).
  elim: n => [|n IH] nk j; first by rewrite addn0.
  apply: same_trans (IH (ltnW nk) j); rewrite addnS.
  by have [_] := quiet n (leq_trans nk (ltnW kN)); exact.
have [G _] := quiet k kN; move: G; rewrite Ek => G.
have <- : F (x (t + k)%nat) = F (x t) by apply: F_ext; exact: still.
apply: Rle_trans (G z); apply: Req_le; symmetry; apply: F_ext => j.
rewrite /deviate; case: eqP => [e|_]; [exact: same_refl|exact: still].
Qed.

Theorem in_turns_with_threshold_eps_nash :
  exists2 n, INR n * eps <= B - F (x 0%nat) & eps_nash F eps (x (n * N)%nat).
Proof.
have [m Hm] : exists m, B - F (x 0%nat) < INR m * eps.
  have [m [h1 h2]] : exists m, B - F (x 0%nat) < INR m * eps /\ True.
    have a0 : 0 <= B - F (x 0%nat) by have := F_bound (x 0%nat); lra.
    have q0 : 0 <= (B - F (x 0%nat)) / eps by apply: Rmult_le_pos => //; have := Rinv_0_lt_compat _ eps0; lra.
    have [u1 _] := archimed ((B - F (x 0%nat)) / eps); exists (Z.to_nat (up ((B - F (x 0%nat)) / eps))); split=> //.
    have u0 : (0 <= up ((B - F (x 0%nat)) / eps))%Z by apply: le_IZR; lra.
    rewrite INR_IZR_INZ Z2Nat.id //; have := Rmult_lt_compat_r eps _ _ eps0 u1.
    by have -> : (B - F (x 0%nat)) / eps * eps = B - F (x 0%nat) by field; lra.
  by exists m.
have: forall k n, INR n * eps <= F (x (n * N)%nat) - F (x 0%nat) -> (n + k = m)%nat ->
   exists2 s, INR s * eps <= B - F (x 0%nat) & eps_nash F eps (x (s * N)%nat).
  elim=> [|k IH] n Hn E.
    by move: E; rewrite addn0 => E; move: Hn; rewrite E; have := F_bound (x (m * N)%nat); lra.
  case: (round_quiet_or_gains (n * N)%nat N) => [quiet|up].
    by exists n; [have := F_bound (x (n * N)%nat); lra|exact: quiet_round_is_eps_nash].
  by apply: (IH n.+1); [rewrite S_INR mulSn addnC; lra|rewrite addSnnS].
by move/(_ m 0%nat); rewrite /= mul0n add0n; apply => //; lra.
Qed.
End InTurns.

Section Rates.
Variables (I S : finType) (A : I -> finType).
Notation JA := (joint_action A).
Notation SJA := (S * JA)%type.
Variables (G : mmdp S A) (alpha : R).
Hypothesis alpha_ge0 : 0 <= alpha.
Notation policy := (policy S A).
Notation joint_policy := (joint_policy S A).
Notation dJ := (joint_occupancy G).
Notation F := (common_objective G alpha).

(* ---------- 2. two agents in turns ---------- *)
Theorem two_agents_in_turns_rate (x : nat -> joint_policy) (who : nat -> I) B eps :
  alberdice_run G alpha x who -> (forall t i, who t = i \/ who t.+1 = i) ->
  (forall y, F y <= B) -> 0 < eps ->
  exists2 t, INR t * eps <= B - F (x 1%nat) & @eps_nash I policy F eps (x t.+1).
Proof.
move=> run turns FB e0.
have run' : alberdice_run G alpha (fun t => x t.+1) (fun t => who t.+1) by move=> t; exact: run t.+1.
have step t (z : policy (who t)) : F (deviate (x t) z) <= F (x t.+1).
  have [y [Hy E]] := alberdice_run_best_responds run t.
  by rewrite (common_objective_ext G alpha E); exact: Hy.
have [|t Ht N] := (@theorem_4_2_greedy_eps_nash I S A G alpha (fun t => x t.+1) B eps FB e0); last by exists t.
move=> t i z; case: (turns t i) => [|] Ei; subst i.
  apply: (Rle_trans _ (F (x t.+1))); first exact: (mover_is_optimal run).
  exact: (theorem_4_2_values_monotone run t.+1).
exact: step.
Qed.

(* ---------- 3. alpha-Nash, and alpha to 0 ---------- *)
Lemma divergence_of_occupancies dmin : 0 < dmin -> (forall y, dmin <= data G y) -> \sum_(y : SJA) data G y = 1 ->
  forall v : joint_policy, 0 <= KL (dJ v) (data G) <= ln (/ dmin).
Proof.
move=> d0 dmin_le mass v0.
have split (v : joint_policy) : common_objective G 0 v = F v + alpha * KL (dJ v) (data G).
  rewrite /common_objective /joint_objective /regularised; ring.
have total (v : joint_policy) : \sum_(y : SJA) dJ v y = 1.
  exact: (flow_mass (transition_sum1 G) (initial_sum1 G) (discount_lt1 G) (joint_occupancy_flow G v)).
have low (v : joint_policy) : 0 <= KL (dJ v) (data G).
  apply: (Rle_trans _ (1 - \sum_(y : SJA) data G y)); first by rewrite mass; lra.
  rewrite -(total v) -sum_sub; apply: sum_le => y _; apply: gibbs_term; last exact: data_gt0.
  exact: joint_occupancy_ge0.
have high (v : joint_policy) : KL (dJ v) (data G) <= ln (/ dmin).
  have -> : ln (/ dmin) = \sum_(y : SJA) (dJ v y * ln (/ dmin)) by rewrite sum_scalr total; ring.
  apply: sum_le => y _; have p0 := joint_occupancy_ge0 G v y.
  have p1 : dJ v y <= 1 by rewrite -(total v); apply: (@sum_ge_term _ (dJ v)) => w; exact: joint_occupancy_ge0.
  have q0 := data_gt0 G y; have qd := dmin_le y.
  case: (Req_dec (dJ v y) 0) => [->|pn]; first by rewrite !Rmult_0_l; exact: Rle_refl.
  apply: Rmult_le_compat_l => //.
  have le : dJ v y / data G y <= / dmin.
    apply: (Rle_trans _ (1 / data G y)).
      by apply: Rmult_le_compat_r => //; apply: Rlt_le; exact: Rinv_0_lt_compat.
    by rewrite /Rdiv Rmult_1_l; apply: Rinv_le_contravar.
  have pos : 0 < dJ v y / data G y by apply: Rdiv_lt_0_compat => //; lra.
  case: (Rle_lt_or_eq_dec _ _ le) => [lt|->]; last exact: Rle_refl.
  by apply: Rlt_le; exact: ln_increasing.
by split; [exact: low|exact: high].
Qed.

(* an eps-Nash policy of the regularised game is (eps + alpha ln(1/min d^D))-Nash for the plain return *)
Theorem alpha_nash_is_eps_nash_at_zero (x : joint_policy) dmin eps :
  0 < dmin -> (forall y, dmin <= data G y) -> \sum_(y : SJA) data G y = 1 ->
  @eps_nash I policy F eps x ->
  @eps_nash I policy (common_objective G 0) (eps + alpha * ln (/ dmin)) x.
Proof.
move=> d0 dmin_le mass nash i z.
have K := divergence_of_occupancies d0 dmin_le mass.
have split (v : joint_policy) : common_objective G 0 v = F v + alpha * KL (dJ v) (data G).
  rewrite /common_objective /joint_objective /regularised; ring.
have N := nash i z; have := split x; have := split (deviate x z).
have [_ k1] := K (deviate x z); have [k2 _] := K x.
have K1 := Rmult_le_compat_l alpha _ _ alpha_ge0 k1.
have K2 := Rmult_le_compat_l alpha _ _ alpha_ge0 k2.
lra.
Qed.

(* 1 again, in the MMDP: a turn is an update (2)-(3), made only if it gains more than eps *)
Theorem alberdice_in_turns_with_threshold (x : nat -> joint_policy) (who : nat -> I) N B eps :
  (forall t i, exists2 k, (k < N)%nat & who (t + k)%nat = i) -> (forall y, F y <= B) -> 0 < eps ->
  (forall t, (gains_at_most F eps (x t) (who t) /\ forall j, same_policy (x t.+1 j) (x t j)) \/
     (~ gains_at_most F eps (x t) (who t) /\ exists p : policy (who t), LP_update G alpha (x t) p
        /\ forall j, same_policy (x t.+1 j) (@deviate I policy (x t) (who t) p j))) ->
  exists2 n, INR n * eps <= B - F (x 0%nat) & @eps_nash I policy F eps (x (n * N)%nat).
Proof.
move=> turns FB e0 run.
apply: (@in_turns_with_threshold_eps_nash I policy F (@same_policy I S A) B eps) => //; try exact: turns.
- exact: same_policy_trans.
- exact: common_objective_ext.
move=> t; case: (run t) => [[q st]|[mv [p [/LP_update_iff_best_response best E]]]]; [by left|right].
rewrite (common_objective_ext G alpha E); apply: Rnot_le_lt => le; apply: mv => z.
exact: Rle_trans (best z) le.
Qed.
End Rates.

(* the annealed scheme: policies that are eps_n-Nash at alpha_n, both falling to 0, can only accumulate at Nash policies of the plain return *)
Section Annealing.
Variables (I S : finType) (A : I -> finType) (G : mmdp S A).
Notation joint_policy := (joint_policy S A).
Notation policy := (policy S A).

Theorem annealed_limit_is_nash (alpha eps : nat -> R) (x : nat -> joint_policy) (l : joint_policy) dmin :
  0 < dmin -> (forall y, dmin <= data G y) -> \sum_(y : S * joint_action A) data G y = 1 ->
  (forall n, 0 <= alpha n) -> Un_cv alpha 0 -> Un_cv eps 0 ->
  (forall n, @eps_nash I policy (common_objective G (alpha n)) (eps n) (x n)) ->
  policies_converge x l -> @nash I policy (common_objective G 0) l.
Proof.
move=> d0 low mass a0 acv ecv N C i z.
have lim : Un_cv (fun n => common_objective G 0 (x n) + (eps n + alpha n * ln (/ dmin)))
                 (common_objective G 0 l + (0 + 0 * ln (/ dmin))).
  apply: CV_plus; first exact: common_objective_continuous.
  by apply: CV_plus => //; apply: CV_mult => //; exact: Un_cv_const.
have dev := common_objective_continuous G 0 (deviate_const_cv z C).
have := Un_cv_le _ dev lim; rewrite Rmult_0_l Rplus_0_r Rplus_0_r; apply=> n.
exact: (alpha_nash_is_eps_nash_at_zero (a0 n) d0 low mass (N n)).
Qed.
End Annealing.
