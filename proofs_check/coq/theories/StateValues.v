(* State values V^pi(s), and "Nash policy" state by state.

   V^pi(s) = E_pi[ \sum_t gamma^t rew(s_t, a_t) | s_0 = s ] is the return, divided by 1 - gamma, of
   the stationary distribution started at s.  The main result: if no deviation of agent i raises the
   p0-average return, then no deviation raises V(s) at any state s that is reachable under pi
   (d^pi(s) > 0).  With the reward r~ frozen at pi*, this is the inequality (1) of Definition 2.1
   ("for all s in S") on the reachable states; at unreachable states it can fail (CounterexamplesMMDP,
   part 3), and with r~ re-evaluated at the new policy it can fail at reachable states too
   (file PerStateFall). *)
From Coq Require Import Reals Lra Arith.
From mathcomp Require Import all_ssreflect.
From AlberDICE Require Import RealSums Inequalities Limits Lemma41 FrozenReward RegularisedLP
  BlockAscent Occupancy.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Local Open Scope R_scope.

Section StateValues.
Variables (I S : finType) (A : I -> finType).
Notation JA := (joint_action A).
Notation SJA := (S * JA)%type.
Variables (G : mmdp S A).
Notation P := (transition G).
Notation p0 := (initial G).
Notation gamma := (discount G).

(* the same MMDP, started at the state s *)
Definition point_mass (s z : S) : R := if z == s then 1 else 0.
Lemma point_mass_ge0 s z : 0 <= point_mass s z.
Proof. by rewrite /point_mass; case: eqP => _; lra. Qed.
Lemma point_mass_sum1 s : \sum_z point_mass s z = 1.
Proof.
rewrite (eq_bigr (fun z => (if z == s then 1 else 0) * 1)) ?sum_pick // => z _.
by rewrite /point_mass; ring.
Qed.
Definition start_at (s : S) : mmdp S A :=
  MMDP (reward G) (transition_ge0 G) (transition_sum1 G) (point_mass_ge0 s) (point_mass_sum1 s)
    (discount_ge0 G) (discount_lt1 G) (data_gt0 G).

(* V^pi(s) for an arbitrary reward *)
Definition value (rew : SJA -> R) (x : joint_policy S A) (s : S) : R :=
  / (1 - gamma) * linear_return rew (joint_occupancy (start_at s) x).

(* it is the expected discounted sum of rewards from s *)
Theorem value_is_discounted_sum rew x s :
  Un_cv (fun n => \big[Rplus/0]_(t < n) (gamma ^ t *
           (\sum_(y : SJA) (state_prob (policy_kernel G x) (point_mass s) t y.1
                            * joint_prob (prob x) y.1 y.2 * rew y))))
        (value rew x s).
Proof.
have g1 := discount_lt1 G.
pose d n z := (1 - gamma) * (\big[Rplus/0]_(t < n)
   (gamma ^ t * state_prob (policy_kernel G x) (point_mass s) t z)).
have C : Un_cv (fun n => / (1 - gamma) * (\sum_(y : SJA) (d n y.1 * joint_prob (prob x) y.1 y.2 * rew y)))
               (value rew x s).
  apply: CV_mult; first exact: Un_cv_const.
  apply: Un_cv_sum => y; apply: CV_mult; last exact: Un_cv_const.
  by apply: CV_mult; [exact: occupancy_is_discounted_sum|exact: Un_cv_const].
apply: (Un_cv_ext _ C) => n.
have E (y : SJA) : d n y.1 * joint_prob (prob x) y.1 y.2 * rew y
  = (1 - gamma) * (\big[Rplus/0]_(t < n) (gamma ^ t *
     (state_prob (policy_kernel G x) (point_mass s) t y.1 * joint_prob (prob x) y.1 y.2 * rew y))).
  rewrite /d !Rmult_assoc big_distrl /=; congr (_ * _); apply: eq_bigr => t _; ring.
rewrite (eq_bigr _ (fun y _ => E y)) sum_scal -Rmult_assoc Rinv_l ?Rmult_1_l; last by lra.
by rewrite exchange_big /=; apply: eq_bigr => t _; rewrite sum_scal.
Qed.

(* states that the chain reaches from a reachable state are reachable *)
Lemma reachable_support x s z : 0 < state_occupancy G x s -> state_occupancy G x z = 0 ->
  state_occupancy (start_at s) x z = 0.
Proof.
move=> ds0 dz0; have g0 := discount_ge0 G; have g1 := discount_lt1 G.
have Z n w : state_occupancy G x w = 0 ->
    occupancy_iter (policy_kernel G x) (point_mass s) gamma n w = 0.
  elim: n w => [|n IH] w dw0 //=; rewrite /bellman.
  have fl : state_occupancy G x w = bellman (policy_kernel G x) p0 gamma (state_occupancy G x) w.
    exact: occupancy_flow.
  have t0 v : 0 <= gamma * (state_occupancy G x v * policy_kernel G x v w).
    apply: Rmult_le_pos => //; apply: Rmult_le_pos; first exact: state_occupancy_ge0.
    exact: policy_kernel_ge0.
  have i0 : 0 <= (1 - gamma) * p0 w by apply: Rmult_le_pos; [lra|exact: initial_ge0].
  have sum0 : \sum_v (gamma * (state_occupancy G x v * policy_kernel G x v w)) = 0.
    have := sum_ge0 (P := xpredT) (fun v _ => t0 v).
    by move: fl; rewrite dw0 /bellman sum_scal; lra.
  have each v := sum_eq0 t0 sum0 v.
  have -> : point_mass s w = 0.
    by rewrite /point_mass; case: eqP => // E; move: ds0; rewrite -E dw0; lra.
  rewrite -sum_scal big1 => [|v _]; first by ring.
  case: (Req_dec (state_occupancy G x v) 0) => [/IH -> |N]; first by ring.
  have := each v; rewrite -Rmult_assoc (Rmult_comm gamma) Rmult_assoc => /Rmult_integral[//|K].
  by rewrite -Rmult_assoc (Rmult_comm gamma) Rmult_assoc K; ring.
apply: (UL_sequence (occupancy_iter (policy_kernel G x) (point_mass s) gamma ^~ z)).
  exact: occupancy_cv.
by apply: (Un_cv_ext _ (Un_cv_const 0)) => n; exact: Z.
Qed.

(* finitely many states: some eps > 0 has eps * e <= d wherever supp e is inside supp d *)
Lemma dominated (d e : S -> R) : (forall s, 0 <= d s) -> (forall s, 0 <= e s) ->
  (forall s, d s = 0 -> e s = 0) -> exists eps, 0 < eps /\ forall s, eps * e s <= d s.
Proof.
move=> d0 e0 sup.
suff [eps [e1 H]] : exists eps, 0 < eps /\ forall s, s \in enum S -> eps * e s <= d s.
  by exists eps; split=> // s; apply: H; exact: mem_enum.
elim: (enum S) => [|s l [eps [p H]]]; first by exists 1; split=> //; lra.
case: (Req_dec (e s) 0) => E.
  exists eps; split=> // z; rewrite in_cons => /orP[/eqP ->|/H //].
  by rewrite E; have := d0 s; lra.
have ep : 0 < e s by have := e0 s; lra.
have dp : 0 < d s by case: (Req_dec (d s) 0) => [/sup|]; have := d0 s; lra.
exists (Rmin eps (d s / e s)); split.
  by apply: Rmin_glb_lt => //; exact: Rdiv_lt_0_compat.
move=> z; rewrite in_cons => /orP[/eqP ->|zl].
  have -> : d s = d s / e s * e s by field; lra.
  by apply: Rmult_le_compat_r; [lra|rewrite {2}/Rdiv Rmult_assoc Rinv_l ?Rmult_1_r //; exact: Rmin_r].
apply: Rle_trans (H z zl); apply: Rmult_le_compat_r; [exact: e0|exact: Rmin_l].
Qed.

(* a policy of agent i that is optimal on average is optimal at every reachable state *)
Theorem optimal_on_average_is_optimal_at_reachable_states rew (x : joint_policy S A) i s :
  (forall p : policy S A i, linear_return rew (joint_occupancy G (deviate x p))
                            <= linear_return rew (joint_occupancy G x)) ->
  0 < state_occupancy G x s ->
  forall p : policy S A i, value rew (deviate x p) s <= value rew x s.
Proof.
move=> opt reach p; have g1 := discount_lt1 G.
apply: Rmult_le_compat_l; first by have := Rinv_0_lt_compat (1 - gamma); lra.
set x' := deviate x p; pose d := state_occupancy G x.
pose e := state_occupancy (start_at s) x; pose e' := state_occupancy (start_at s) x'.
have [eps [eps0 dom]] : exists eps, 0 < eps /\ forall z, eps * e z <= d z.
  apply: dominated => z; [exact: state_occupancy_ge0|exact: state_occupancy_ge0|].
  exact: reachable_support.
have xi z b : 0 <= prob x i z b by exact: prob_ge0.
have p_ge0 z b : 0 <= proj1_sig p z b by case: (proj2_sig p).
pose di z b := (d z - eps * e z) * prob x i z b + eps * e' z * proj1_sig p z b.
pose D (y : SJA) := joint_occupancy G x y
   + eps * (joint_occupancy (start_at s) x' y - joint_occupancy (start_at s) x y).
have split_x (H : mmdp S A) (y : SJA) : joint_occupancy H x y
    = state_occupancy H x y.1 * prob x i y.1 (y.2 i) * others_prob (prob x) i y.1 y.2.
  by rewrite Rmult_assoc /joint_occupancy /joint_prob (bigD1 i).
have F : feasible P p0 gamma (prob x) i D.
  exists di; split.
  - move=> z b; apply: Rplus_le_le_0_compat; apply: Rmult_le_pos => //.
      by have := dom z; lra.
    by apply: Rmult_le_pos; [lra|exact: state_occupancy_ge0].
  - move=> y; rewrite /D !split_x /x' joint_occupancy_deviate /di /d /e /e' /x'; ring.
  - have f1 : flow P p0 gamma _ := joint_occupancy_flow G x.
    have f2 : flow P (point_mass s) gamma _ := joint_occupancy_flow (start_at s) x.
    have f3 : flow P (point_mass s) gamma _ := joint_occupancy_flow (start_at s) x'.
    move=> z; have := f1 z; have := f2 z; have := f3 z => E3 E2 E1.
    rewrite /D sum_add sum_scal sum_sub E1 E2 E3.
    have -> : \sum_(y : SJA) (P y z * (joint_occupancy G x y
        + eps * (joint_occupancy (start_at s) x' y - joint_occupancy (start_at s) x y)))
      = \sum_(y : SJA) (P y z * joint_occupancy G x y)
        + eps * (\sum_(y : SJA) (P y z * joint_occupancy (start_at s) x' y)
                 - \sum_(y : SJA) (P y z * joint_occupancy (start_at s) x y)).
      by rewrite -sum_sub -sum_scal -sum_add; apply: eq_bigr => y _; ring.
    by ring.
have [q Eq] := feasible_is_deviation F.
have := opt q; have -> : linear_return rew (joint_occupancy G (deviate x q)) = linear_return rew D.
  by apply: eq_bigr => y _; rewrite Eq.
have -> : linear_return rew D = linear_return rew (joint_occupancy G x)
   + eps * (linear_return rew (joint_occupancy (start_at s) x')
            - linear_return rew (joint_occupancy (start_at s) x)).
  by rewrite /linear_return -sum_sub -sum_scal -sum_add; apply: eq_bigr => y _; rewrite /D; ring.
move=> K; have : eps * (linear_return rew (joint_occupancy (start_at s) x')
            - linear_return rew (joint_occupancy (start_at s) x)) <= eps * 0 by lra.
by move/(Rmult_le_reg_l _ _ _ eps0); lra.
Qed.

(* ---- the modified MMDP of Theorem 4.2, with its reward frozen at x ---- *)
Variable alpha : R.
Hypothesis alpha_ge0 : 0 <= alpha.
Definition frozen_reward_at (x : joint_policy S A) : SJA -> R :=
  frozen_modified_reward alpha (reward G) (data G) (joint_occupancy G x).

(* no deviation of agent i raises the common objective => none raises the frozen return *)
Theorem block_optimal_is_frozen_optimal (x : joint_policy S A) i :
  @block_optimal I (policy S A) (common_objective G alpha) x i ->
  forall p : policy S A i, linear_return (frozen_reward_at x) (joint_occupancy G (deviate x p))
                           <= linear_return (frozen_reward_at x) (joint_occupancy G x).
Proof.
move=> B p; case: (Req_dec alpha 0) => [a0|an].
  have E (d : SJA -> R) : linear_return (frozen_reward_at x) d = joint_objective alpha (reward G) (data G) d.
    rewrite /joint_objective /regularised a0 Rmult_0_l Rminus_0_r; apply: eq_bigr => y _.
    by rewrite /frozen_reward_at /frozen_modified_reward /frozen_reward a0; ring.
  by rewrite !E; exact: B.
have a0 : 0 < alpha by lra.
have := (block_optimal_iff_LP G alpha x i).1 B.
case/(regularised_LP_iff_frozen_best_response (reward G) (transition_sum1 G) (initial_sum1 G)
      (discount_lt1 G) a0 (data_gt0 G) (prob_ge0 x)).
by move=> _ [_ M]; apply: M; exact: deviation_is_feasible.
Qed.

(* Theorem 4.2, "Nash policy of the modified MMDP", state by state: (1) of Definition 2.1 for the
   reward r~ frozen at x, at every state that is reachable under x.  Holds for alpha >= 0. *)
Theorem frozen_nash_at_reachable_states (x : joint_policy S A) :
  @nash I (policy S A) (common_objective G alpha) x ->
  forall i s, 0 < state_occupancy G x s ->
  forall p : policy S A i, value (frozen_reward_at x) (deviate x p) s <= value (frozen_reward_at x) x s.
Proof.
move=> N i s reach p; apply: optimal_on_average_is_optimal_at_reachable_states => // q.
exact: block_optimal_is_frozen_optimal.
Qed.
End StateValues.
