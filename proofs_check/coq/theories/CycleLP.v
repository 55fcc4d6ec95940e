(* alpha = 0 with ties, through the LP: a RUN of three agents in turns, each of whose updates solves (2)-(3) exactly, that goes on for
   ever at value 0, while at the start of every round agent 2 could gain 1.

   One state; r = 0 if a_2 = 0, else +1 if a_1 = a_3, else -1.  The reward is the product h_1(a_1) h_2(a_2) h_3(a_3) with h_1 = h_3 = +1, -1
   and h_2 = 1, 0, so that a policy's return is the product of the agents' means. *)
From Coq Require Import Reals Lra Arith.
From mathcomp Require Import all_ssreflect.
From AlberDICE Require Import RealSums Inequalities Limits Lemma41 FrozenReward RegularisedLP BlockAscent Occupancy StateValues Convergence
  Counterexamples.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Local Open Scope R_scope.

Notation three := (ordinal_finType 3).
Notation actions := (fun _ : three => bool_finType).
Notation JA := (joint_action actions).
Definition agent (k : nat) : three := inord k.

Definition sign (b : bool) : R := if b then 1 else -1.
Definition factor (i : three) (b : bool) : R := if i == agent 1 then (if b then 1 else 0) else sign b.
Definition tied_reward (x : unit * JA) : R := \prod_i factor i (x.2 i).

Lemma three_agents (i : three) : [\/ i = agent 0, i = agent 1 | i = agent 2].
Proof.
case: i => -[|[|[|k]]] Hk //; [constructor 1|constructor 2|constructor 3]; apply: val_inj; by rewrite /= inordK.
Qed.
Lemma agents_differ : (agent 0 == agent 1) = false /\ (agent 2 == agent 1) = false /\ (agent 0 == agent 2) = false.
Proof. by rewrite -!val_eqE /= !inordK. Qed.
Lemma prod3 (f : three -> R) : \prod_i f i = f (agent 0) * f (agent 1) * f (agent 2).
Proof.
have [d1 [d2 d3]] := agents_differ.
rewrite (bigD1 (agent 0)) //= (bigD1 (agent 1)) /=; last by rewrite eq_sym d1.
rewrite (bigD1 (agent 2)) /=; last by rewrite eq_sym d3 d2.
rewrite big1 => [|i /andP[/andP[n0 n1] n2]]; first by ring.
by case: (three_agents i) n0 n1 n2 => ->; rewrite eqxx.
Qed.
Lemma prod_without_1 (f : three -> R) : \prod_(j | j != agent 1) f j = f (agent 0) * f (agent 2).
Proof. by have [d1 [d2 _]] := agents_differ; rewrite big_mkcond prod3 d1 d2 eqxx /=; ring. Qed.
(* the reward as it is stated *)
Lemma tied_reward_is_cycle_reward (a : JA) :
  tied_reward (tt, a) = cycle_reward (a (agent 0)) (a (agent 1)) (a (agent 2)).
Proof.
have [d1 [d2 _]] := agents_differ; rewrite /tied_reward prod3 /factor d1 d2 eqxx /cycle_reward /sign /=.
by case: (a (agent 0)); case: (a (agent 1)); case: (a (agent 2)) => /=; ring.
Qed.

Lemma one_state_transition_sum1 (x : unit * JA) : \sum_(s : unit) 1 = 1. Proof. by rewrite sum_unit. Qed.
Lemma one_state_initial_sum1 : \sum_(s : unit) 1 = 1. Proof. by rewrite sum_unit. Qed.
Lemma one0 : 0 <= 1. Proof. lra. Qed.
Lemma half0 : 0 <= 1/2. Proof. lra. Qed.
Lemma half1 : 1/2 < 1. Proof. lra. Qed.
Lemma one_pos : 0 < 1. Proof. lra. Qed.
Definition tied_game : mmdp [finType of unit] actions :=
  @MMDP three [finType of unit] actions (fun _ _ => 1) (fun _ => 1) (1/2) tied_reward (fun _ => 1)
    (fun _ _ => one0) one_state_transition_sum1 (fun _ => one0) one_state_initial_sum1 half0 half1 (fun _ => one_pos).
Notation F := (common_objective tied_game 0).
Notation policy := (policy [finType of unit] actions).
Notation joint_policy := (joint_policy [finType of unit] actions).

Definition mean_factor (x : joint_policy) (i : three) : R := \sum_b (prob x i tt b * factor i b).
Lemma return_is_a_product x : F x = \prod_i mean_factor x i.
Proof.
have one : state_occupancy tied_game x tt = 1.
  have := flow_mass (transition_sum1 tied_game) (initial_sum1 tied_game) (discount_lt1 tied_game) (joint_occupancy_flow tied_game x).
  by rewrite sum_pairs sum_unit states_of_occupancy.
rewrite /common_objective /joint_objective /regularised Rmult_0_l Rminus_0_r sum_pairs sum_unit.
rewrite /mean_factor (prod_sum_distr (fun i b => prob x i tt b * factor i b)); apply: eq_bigr => a _.
by rewrite /joint_occupancy /= one Rmult_1_l /joint_prob /tied_reward /= -big_split.
Qed.

Lemma return_of_deviation x i (z : policy i) :
  F (@deviate three policy x i z) = (\sum_b (proj1_sig z tt b * factor i b)) * \prod_(j | j != i) mean_factor x j.
Proof.
rewrite return_is_a_product (bigD1 i) //=; congr (_ * _); first by rewrite /mean_factor prob_deviate.
by apply: eq_bigr => j ne; rewrite /mean_factor /prob deviate_other // => E; rewrite E eqxx in ne.
Qed.

(* the run *)
Lemma pure_valid (i : three) (b : bool) : @is_policy three [finType of unit] actions i (fun _ c => if c == b then 1 else 0).
Proof. by split=> [s c|s]; [case: eqP => _; lra|rewrite sum_bool; case: b => /=; ring]. Qed.
Definition pure i b : policy i := exist _ _ (pure_valid i b).
Definition act (t : nat) (j : three) : bool :=
  if j == agent 0 then odd ((t + 2) %/ 3) else if j == agent 1 then false else odd (t %/ 3).
Definition cycle (t : nat) : joint_policy := fun j => pure j (act t j).
Definition mover (t : nat) : three := agent (t %% 3).

Lemma mean_of_pure (y : joint_policy) i b : y i = pure i b -> mean_factor y i = factor i b.
Proof. by rewrite /mean_factor /prob => ->; rewrite sum_bool /=; case: b => /=; ring. Qed.

Lemma mean_pure i b : \sum_c (proj1_sig (pure i b) tt c * factor i c) = factor i b.
Proof. by rewrite sum_bool /=; case: b => /=; ring. Qed.

Lemma cases_mod3 t : exists q r, (r < 3)%nat /\ t = (q * 3 + r)%nat.
Proof. by exists (t %/ 3)%nat, (t %% 3)%nat; split; [exact: ltn_mod|exact: divn_eq]. Qed.

Lemma others_stay t j : mover t <> j -> act t.+1 j = act t j.
Proof.
have [q [r [r3 ->]]] := cases_mod3 t; rewrite /mover modnMDl modn_small // /act => ne.
have [d1 [d2 d3]] := agents_differ.
case: (three_agents j) ne => -> ne; rewrite ?eqxx ?d1 ?d2 ?d3 ?(eq_sym (agent 2)) ?(eq_sym (agent 1)) ?d1 ?d2 ?d3 //.
  by case: r r3 ne => [|[|[|r]]] //= _ _; rewrite -addnS -!addnA !divnMDl.
by case: r r3 ne => [|[|[|r]]] //= _ _; rewrite -addnS !divnMDl.
Qed.

Lemma mean_cycle t j : mean_factor (cycle t) j = factor j (act t j). Proof. exact: mean_of_pure. Qed.
Lemma agent2_rests t : factor (agent 1) (act t (agent 1)) = 0.
Proof. by have [d1 _] := agents_differ; rewrite /factor /act eqxx (eq_sym (agent 1)) d1 /=. Qed.
Lemma cycle_value t : F (cycle t) = 0.
Proof. by rewrite return_is_a_product prod3 !mean_cycle agent2_rests; ring. Qed.

Lemma others_product i (y : joint_policy) : i != agent 1 -> mean_factor y (agent 1) = 0 -> \prod_(j | j != i) mean_factor y j = 0.
Proof. by move=> ne Z; rewrite (bigD1 (agent 1)) /= ?Z ?Rmult_0_l // eq_sym. Qed.

Theorem tied_updates_cycle :
  alberdice_run tied_game 0 cycle mover
  /\ (forall t, F (cycle t) = 0)
  /\ (forall n, F (@deviate three policy (cycle (3 * n)) (agent 1) (pure (agent 1) true)) = F (cycle (3 * n)) + 1)
  /\ (forall n, ~ @eps_nash three policy F (1/2) (cycle (3 * n)))
  /\ (forall n, act (3 * n.+1) (agent 0) = ~~ act (3 * n) (agent 0)).
Proof.
have [d1 [d2 d3]] := agents_differ.
have gain n : F (@deviate three policy (cycle (3 * n)) (agent 1) (pure (agent 1) true)) = F (cycle (3 * n)) + 1.
  rewrite return_of_deviation cycle_value prod_without_1 !mean_cycle /factor d1 d2 eqxx sum_bool /act eqxx (eq_sym (agent 2)) d3 d2 mulnC divnMDl // mulnK // addn0.
  by rewrite /sign /=; case: (odd n); ring.
split.
  move=> t; exists (pure (mover t) (act t.+1 (mover t))); split; last first.
    move=> j s b; case: (@eqP three (mover t) j) => [E|ne].
      by case: _ / E b => b; rewrite deviate_same.
    by rewrite deviate_other // /cycle others_stay.
  apply/LP_update_iff_best_response => z; rewrite !return_of_deviation.
  case: (three_agents (mover t)) => E.
  - by rewrite E in z *; rewrite others_product ?d1 // ?mean_cycle ?agent2_rests // !Rmult_0_r; lra.
  - rewrite E in z *.
    have [q [r [r3 Et]]] := cases_mod3 t.
    have r1 : r = 1%nat.
      move: E; rewrite /mover Et modnMDl modn_small // => /(congr1 val); rewrite /= !inordK //.
    have -> : \prod_(j | j != agent 1) mean_factor (cycle t) j = -1.
      rewrite prod_without_1 !mean_cycle /factor d1 d2 /act eqxx (eq_sym (agent 2)) d3 d2 Et r1 -addnA !divnMDl // addn0 addn1 /=.
      by rewrite /sign; case: (odd q) => /=; ring.
    rewrite mean_pure (_ : act t.+1 (agent 1) = false); last by rewrite /act (eq_sym (agent 1)) d1 eqxx.
    have [z0 _] : is_policy (proj1_sig z) by exact: proj2_sig.
    by rewrite sum_bool /factor eqxx; have := z0 tt true; lra.
  - by rewrite E in z *; rewrite others_product ?d2 // ?mean_cycle ?agent2_rests // !Rmult_0_r; lra.
split; first exact: cycle_value.
split; first exact: gain.
split.
  by move=> n N; have := N (agent 1) (pure (agent 1) true); rewrite gain; lra.
by move=> n; rewrite /act eqxx !(mulnC 3%nat) !divnMDl // !addn0 /=.
Qed.
