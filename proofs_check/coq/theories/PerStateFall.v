(* Counterexample 1: "for each state s" in Theorem 4.2 is false.

   Two states, s0 = [false] (initial) and s1 = [true] (absorbing), gamma = 1/2, alpha = 1, d^D = 1/8
   everywhere, two agents with two actions.  At s0 agent 1's action 1 moves to s1; agent 2's action
   is irrelevant.  The reward is ln(9/2) at s1 and 0 at s0.  Start from uniform policies.

   Agent 1's exact best response has pi_1(1|s0) = 3/4 and is uniform at s1.  The common objective
   rises strictly, and yet
       V~(s1) falls from 2 ln(27/4) to 2 ln(21/4)
   (V~ for r~ re-evaluated at the new policy, as in the paper's proof; s1 is reachable throughout). *)
From Coq Require Import Reals Lra.
From mathcomp Require Import all_ssreflect.
From AlberDICE Require Import RealSums Inequalities Limits Lemma41 DualObjective FrozenReward
  DualCertificate RegularisedLP ReducedMDP BlockAscent Occupancy StateValues Convergence Counterexamples.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Local Open Scope R_scope.

Notation SJA := (bool * two_agents)%type.
Definition fall_transition (x : SJA) (s' : bool) : R := if s' == (x.1 || x.2 false) then 1 else 0.
Definition fall_initial (s : bool) : R := if s then 0 else 1.
Definition fall_reward (x : SJA) : R := if x.1 then ln (9/2) else 0.
Definition fall_data (x : SJA) : R := 1/8.

Lemma fall_transition_ge0 x s : 0 <= fall_transition x s.
Proof. by rewrite /fall_transition; case: eqP => _; lra. Qed.
Lemma fall_transition_sum1 x : \sum_s fall_transition x s = 1.
Proof. by rewrite sum_bool /fall_transition; case: (_ || _) => /=; lra. Qed.
Lemma fall_initial_ge0 s : 0 <= fall_initial s. Proof. by case: s => /=; lra. Qed.
Lemma fall_initial_sum1 : \sum_s fall_initial s = 1. Proof. by rewrite sum_bool /=; lra. Qed.
Lemma half_ge0 : 0 <= 1/2. Proof. lra. Qed.
Lemma half_lt1 : 1/2 < 1.  Proof. lra. Qed.
Lemma fall_data_gt0 x : 0 < fall_data x. Proof. rewrite /fall_data; lra. Qed.
Definition fall_mmdp : mmdp bool_finType bool_actions :=
  MMDP fall_reward fall_transition_ge0 fall_transition_sum1 fall_initial_ge0 fall_initial_sum1
    half_ge0 half_lt1 fall_data_gt0.
Notation G := fall_mmdp.

(* agent 1 plays action 1 at s0 with probability th and is uniform at s1 *)
Definition first_policy_prob (th : R) (s b : bool) : R := if s then 1/2 else coin th b.
Lemma first_policy_valid th : 0 <= th <= 1 -> is_policy (A := bool_actions) (i := false) (first_policy_prob th).
Proof.
move=> H; split=> [s b|s]; first by rewrite /first_policy_prob /coin; case: s; case: b; lra.
by rewrite sum_bool /first_policy_prob /coin; case: s; lra.
Qed.
Lemma uniform_valid i : is_policy (A := bool_actions) (i := i) (fun _ : bool_finType => fun _ => 1/2).
Proof. by split=> [s b|s]; [lra|rewrite sum_bool; lra]. Qed.

Lemma half_01 : 0 <= 1/2 <= 1. Proof. lra. Qed.
Lemma three_quarters_01 : 0 <= 3/4 <= 1. Proof. lra. Qed.
Definition uniform : joint_policy bool_finType bool_actions := fun i => exist _ _ (uniform_valid i).
Definition response : policy bool_finType bool_actions false :=
  exist _ _ (first_policy_valid three_quarters_01).
Definition updated : joint_policy bool_finType bool_actions := deviate uniform response.

(* a joint policy in which agent 1 plays th at s0 and everything else is uniform *)
Definition is_th (th : R) (x : joint_policy bool_finType bool_actions) : Prop :=
  (forall s b, prob x false s b = first_policy_prob th s b) /\ (forall s b, prob x true s b = 1/2).
Lemma uniform_is_th : is_th (1/2) uniform.
Proof. by split=> // s b; rewrite /first_policy_prob /coin /prob /=; case: s; case: b; lra. Qed.
Lemma updated_is_th : is_th (3/4) updated.
Proof. by split=> s b; [rewrite /prob /updated deviate_same|rewrite /prob /updated deviate_other]. Qed.

Section Values.
Variables (th : R) (x : joint_policy bool_finType bool_actions).
Hypotheses (Hth : 0 <= th <= 1) (Hx : is_th th x).

Lemma joint_prob_th s (a : two_agents) : joint_prob (prob x) s a = first_policy_prob th s (a false) * (1/2).
Proof. by rewrite joint_prob_two Hx.1 Hx.2. Qed.

Lemma kernel_th s s' : policy_kernel G x s s'
  = if s then (if s' then 1 else 0) else (if s' then th else 1 - th).
Proof.
rewrite /policy_kernel sum_play !joint_prob_th /= /fall_transition /= !play1 /first_policy_prob /coin.
by case: s; case: s' => /=; lra.
Qed.

Lemma occupancy_th s : state_occupancy G x s = if s then th / (1 + th) else 1 / (1 + th).
Proof.
pose d (s : bool_finType) := if s then th / (1 + th) else 1 / (1 + th).
have H : forall s', d s' = bellman (policy_kernel G x) fall_initial (1/2) d s'.
  by move=> s'; rewrite /bellman sum_bool !kernel_th /d /=; case: s'; rewrite /fall_initial; field; lra.
by symmetry; exact: (occupancy_unique _ _ _ _ _ _ H s).
Qed.

Lemma occupancy_from_s1 s : state_occupancy (start_at G true) x s = point_mass (S := bool_finType) true s.
Proof.
pose d : bool_finType -> R := point_mass (S := bool_finType) true.
have H : forall s', d s' = bellman (policy_kernel G x) d (1/2) d s'.
  by move=> s'; rewrite /bellman sum_bool !kernel_th /d /point_mass; case: s' => /=; lra.
by symmetry; exact: (occupancy_unique _ _ _ _ _ _ H s).
Qed.

(* V~(s1) = 2 ( ln(9/2) - ln( 2 th / (1 + th) ) ) *)
Lemma value_at_s1 : value G (frozen_reward_at G 1 x) x true = 2 * (ln (9/2) - ln (2 * (th / (1 + th)))).
Proof.
rewrite /value /linear_return sum_pairs sum_bool !sum_play /joint_occupancy !occupancy_from_s1 /=.
rewrite /frozen_reward_at /frozen_modified_reward /frozen_reward /joint_occupancy /= !occupancy_th.
rewrite !joint_prob_th !play1 /first_policy_prob /point_mass /= /fall_reward /fall_data /=.
rewrite (_ : th / (1 + th) * (1/2 * (1/2)) / (1/8) = 2 * (th / (1 + th))); last by field; lra.
by field.
Qed.
End Values.

(* agent 1's best response, from the dual certificate at nu(s0) = -2 (ln(4/7) + 1),
   nu(s1) = 2 (ln(21/4) - 1) *)
Definition fall_nu (s : bool) : R := if s then 2 * (ln (21/4) - 1) else - 2 * (ln (4/7) + 1).
Definition fall_solution (y : bool * bool) : R :=
  if y.1 then 3/14 else if y.2 then 3/7 else 1/7.

Lemma fall_marginal y : data_marginal (A := bool_actions) (i := false) fall_data y = 1/4.
Proof. by case: y => s b; rewrite /data_marginal sum_play1 /fall_data; lra. Qed.

Lemma fall_ratio x : importance_ratio (A := bool_actions) false fall_data (prob uniform) x = 1.
Proof.
rewrite /importance_ratio /data_conditional fall_marginal others_prob_two /prob /= /fall_data; field.
Qed.

Lemma fall_kernel s b s' : reduced_kernel (A := bool_actions) (i := false) fall_transition (prob uniform) (s, b) s'
  = if s' == (s || b) then 1 else 0.
Proof.
rewrite /reduced_kernel sum_play1 !others_prob_two /prob /= /fall_transition /= !play1.
by case: eqP => _; lra.
Qed.

Lemma fall_reduced_reward s b :
  reduced_reward (A := bool_actions) (i := false) 1 fall_reward fall_data (prob uniform) (s, b)
  = if s then ln (9/2) else 0.
Proof.
rewrite /reduced_reward sum_play1 !others_prob_two !fall_ratio /prob /= ln_1 /fall_reward /=.
by case: s; lra.
Qed.

Lemma fall_certificate y :
  data_marginal (A := bool_actions) (i := false) fall_data y
  * exp (advantage (reduced_kernel (A := bool_actions) (i := false) fall_transition (prob uniform)) (1/2)
           (reduced_reward (A := bool_actions) (i := false) 1 fall_reward fall_data (prob uniform)) fall_nu y / 1 - 1)
  = fall_solution y.
Proof.
have l214 : ln (21/4) = ln 3 + ln 7 - ln 4 by rewrite -ln_mult ?ln_div; try lra; congr (ln _ - _); lra.
have l47 : ln (4/7) = ln 4 - ln 7 by rewrite ln_div; lra.
have l92 : ln (9/2) = ln 3 + ln 3 - ln 2 by rewrite -ln_mult ?ln_div; try lra; congr (ln _ - _); lra.
have l4 : ln 4 = ln 2 + ln 2 by rewrite -ln_mult; try lra; congr ln; lra.
have l127 : ln (12/7) = ln 4 + ln 3 - ln 7 by rewrite -ln_mult ?ln_div; try lra; congr (ln _ - _); lra.
have l67 : ln (6/7) = ln 2 + ln 3 - ln 7 by rewrite -ln_mult ?ln_div; try lra; congr (ln _ - _); lra.
case: y => s b; rewrite fall_marginal /advantage fall_reduced_reward sum_bool !fall_kernel /fall_nu /fall_solution /=.
case: s => /=.
  set e := (X in exp X); have -> : e = ln (6/7) by rewrite /e l214 l92 l67 l4; field.
  by rewrite exp_ln; lra.
case: b => /=; set e := (X in exp X).
  have -> : e = ln (12/7) by rewrite /e l214 l47 l127; field.
  by rewrite exp_ln; lra.
have -> : e = ln (4/7) by rewrite /e; field.
by rewrite exp_ln; lra.
Qed.

(* the update of agent 1 from the uniform policies is [response] *)
Theorem response_solves_LP : LP_update G 1 uniform response.
Proof.
have flow0 : flow_single (reduced_kernel (A := bool_actions) (i := false) fall_transition (prob uniform))
    fall_initial (1/2) (fun y => data_marginal (A := bool_actions) (i := false) fall_data y
      * exp (advantage (reduced_kernel (A := bool_actions) (i := false) fall_transition (prob uniform)) (1/2)
           (reduced_reward (A := bool_actions) (i := false) 1 fall_reward fall_data (prob uniform)) fall_nu y / 1 - 1)).
  move=> s'; rewrite sum_bool sum_pairs !sum_bool !fall_certificate !fall_kernel /fall_solution /=.
  by case: s' => /=; lra.
have one : 0 < 1 by lra.
have [opt _] := LP_certificate (r := fall_reward) fall_data_gt0 (prob_ge0 uniform) (prob_sum1 uniform) one flow0.
exists (fun s b => fall_solution (s, b)); split.
- by move=> s b; rewrite /fall_solution; case: s; case: b => /=; lra.
- move: opt => [F M]; split.
    case: F => di [d0 E fl]; exists (fun s b => fall_solution (s, b)); split=> //.
      by move=> s b; rewrite /fall_solution; case: s; case: b => /=; lra.
    move=> s'; have := fl s'.
    rewrite (eq_bigr (fun a : two_agents => fall_solution ((s', a).1, (s', a).2 false)
       * others_prob (A := bool_actions) (prob uniform) false (s', a).1 (s', a).2)) => [->|a _]; last first.
      by rewrite /lift fall_certificate.
    by congr (_ + _ * _); apply: eq_bigr => w _; rewrite /lift fall_certificate.
  move=> d Fd; apply: Rle_trans (M d Fd) _; right; apply: (@joint_objective_ext _ _ _ G 1) => y.
  by rewrite /lift fall_certificate.
- move=> s b _; rewrite sum_bool /= /first_policy_prob /coin /fall_solution /=.
  by case: s; case: b => /=; lra.
Qed.

(* the best response raises the common objective strictly, and lowers V~ at the state s1, which is
   reachable before and after *)
Theorem per_state_value_can_fall :
  LP_update G 1 uniform response /\
  common_objective G 1 uniform < common_objective G 1 updated /\
  0 < state_occupancy G uniform true /\ 0 < state_occupancy G updated true /\
  value G (frozen_reward_at G 1 uniform) uniform true = 2 * ln (27/4) /\
  value G (frozen_reward_at G 1 updated) updated true = 2 * ln (21/4) /\
  2 * ln (21/4) < 2 * ln (27/4).
Proof.
have one : 0 < 1 by lra.
have U := uniform_is_th; have V := updated_is_th.
have B := (LP_update_iff_best_response G 1 uniform response).1 response_solves_LP.
have opt : block_optimal (common_objective G 1) updated false.
  move=> z; rewrite -/updated in B; have := B z; rewrite -/updated.
  rewrite (_ : common_objective G 1 (deviate updated z) = common_objective G 1 (deviate uniform z)) //.
  apply: common_objective_ext => j s b; rewrite /updated /deviate; by case: eqP => // e; case: _ / e.
have le : common_objective G 1 uniform <= common_objective G 1 updated.
  have := B (uniform false); rewrite (_ : common_objective G 1 (deviate uniform (uniform false))
    = common_objective G 1 uniform) //.
  by apply: common_objective_ext => j s b; rewrite /deviate; case: eqP => // e; case: _ / e.
split; first exact: response_solves_LP.
split.
  case: (Rle_lt_or_eq_dec _ _ le) => // E; exfalso.
  have optU : block_optimal (common_objective G 1) uniform false by move=> z; rewrite E; exact: B.
  have others j : false <> j -> same_policy (updated j) (uniform j).
    by move=> ne s b; rewrite /updated deviate_other.
  have J := optimal_blocks_agree one others optU opt.
  have := (equal_occupancy_policies J true).1.
  by rewrite (occupancy_th half_01 U) (occupancy_th three_quarters_01 V); lra.
rewrite (occupancy_th half_01 U) (occupancy_th three_quarters_01 V).
rewrite (value_at_s1 half_01 U) (value_at_s1 three_quarters_01 V).
have lt : ln (21/4) < ln (27/4) by apply: ln_increasing; lra.
do 2 (split; first by lra).
split; first by rewrite -ln_div; try lra; congr (2 * ln _); field.
split; last by lra.
by rewrite -ln_div; try lra; congr (2 * ln _); field.
Qed.
