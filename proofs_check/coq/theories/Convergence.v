(* Theorem 4.2, in the form in which it is true.

   A run: at step t agent (who t) solves its regularised LP (2)-(3) exactly and extracts its policy;
   the others keep theirs.  F is the common objective of Lemma 4.1.

   alpha >= 0:  F never falls and converges; a fixed point of a full round is Nash (no agent can
                raise F), hence optimal state by state for the frozen reward at reachable states; a
                round that gains nothing, under the rule "stay if already optimal", is Nash; some
                iterate of a greedy run is eps-Nash after finitely many steps; if the policies
                converge, the limit is Nash; with two agents every accumulation point is Nash.
   alpha > 0:   for ANY number of agents, if everyone moves at least once in every T steps, every
                accumulation point of the policies is Nash; at least one exists; and for every
                eps > 0 all but finitely many iterates are eps-Nash.
                (At alpha = 0 and three agents this fails: Counterexamples, part 8.)

   Why it is true for alpha > 0: best responses are unique at reachable states, so along the limit of
   one round, which gains nothing, no policy changes at a reachable state; and the limit's support is
   maximal, so no deviation leaves the reachable states.

   Not proved, and open as far as we know: that the policies themselves converge. *)
From Coq Require Import Reals Lra Arith ConstructiveEpsilon.
From mathcomp Require Import all_ssreflect.
From AlberDICE Require Import RealSums Inequalities Limits Lemma41 FrozenReward RegularisedLP
  BlockAscent Occupancy StateValues.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Local Open Scope R_scope.

(* ---------- continuity of the stationary distribution and of the objective ---------- *)
Section OccupancyContinuity.
Variables (S : finType) (p0 : S -> R) (gamma : R).
Hypotheses (g0 : 0 <= gamma) (g1 : gamma < 1).
(* perturbation bound: |d' - d|_1 <= gamma/(1-gamma) sum_{s,s'} d(s) |K' - K| *)
Lemma occupancy_perturbation (K K' : S -> S -> R) (d d' : S -> R) :
  (forall s s', 0 <= K' s s') -> (forall s, \sum_s' K' s s' = 1) -> (forall s, 0 <= d s) ->
  (forall s', d s' = bellman K p0 gamma d s') -> (forall s', d' s' = bellman K' p0 gamma d' s') ->
  (1 - gamma) * (\sum_s Rabs (d' s - d s))
  <= gamma * (\sum_s' (\sum_s (d s * Rabs (K' s s' - K s s')))).
Proof.
move=> K0 K1 d0 H H'.
have le s' : Rabs (d' s' - d s') <= gamma * (\sum_s (Rabs (d' s - d s) * K' s s'))
                                  + gamma * (\sum_s (d s * Rabs (K' s s' - K s s'))).
  rewrite H' H /bellman.
  have -> : (1 - gamma) * p0 s' + gamma * (\sum_s (d' s * K' s s')) -
            ((1 - gamma) * p0 s' + gamma * (\sum_s (d s * K s s')))
          = gamma * (\sum_s ((d' s - d s) * K' s s' + d s * (K' s s' - K s s'))).
    have -> : \sum_s ((d' s - d s) * K' s s' + d s * (K' s s' - K s s'))
            = \sum_s (d' s * K' s s') - \sum_s (d s * K s s').
      by rewrite -sum_sub; apply: eq_bigr => s _; ring.
    by ring.
  rewrite Rabs_mult (Rabs_pos_eq gamma) // -Rmult_plus_distr_l -sum_add.
  apply: Rmult_le_compat_l => //.
  elim/big_ind2: _ => [|a b a' b' A B|s _]; first by rewrite Rabs_R0; lra.
    by apply: Rle_trans (Rabs_triang _ _) _; lra.
  apply: Rle_trans (Rabs_triang _ _) _.
  by rewrite !Rabs_mult (Rabs_pos_eq (K' s s')) // (Rabs_pos_eq (d s)) //; lra.
have := sum_le (P := xpredT) (fun s' _ => le s').
rewrite sum_add !sum_scal.
have -> : \sum_s' (\sum_s (Rabs (d' s - d s) * K' s s')) = \sum_s Rabs (d' s - d s).
  by rewrite exchange_big /=; apply: eq_bigr => s _; rewrite sum_scal K1; ring.
lra.
Qed.
End OccupancyContinuity.

Section Convergence.
Variables (I S : finType) (A : I -> finType).
Notation JA := (joint_action A).
Notation SJA := (S * JA)%type.
Variables (G : mmdp S A) (alpha : R).
Hypothesis alpha_ge0 : 0 <= alpha.
Notation P := (transition G).
Notation p0 := (initial G).
Notation gamma := (discount G).
Notation joint_policy := (joint_policy S A).
Notation policy := (policy S A).
Notation dS := (state_occupancy G).
Notation dJ := (joint_occupancy G).
Notation F := (common_objective G alpha).
Notation nash := (@nash I policy F).
Notation eps_nash := (@eps_nash I policy F).
Notation block_optimal := (@block_optimal I policy F).
Notation same_policy := (@same_policy I S A).

(* convergence of joint policies: of every probability *)
Definition policies_converge (x : nat -> joint_policy) (l : joint_policy) : Prop :=
  forall i s b, Un_cv (fun n => prob (x n) i s b) (prob l i s b).

Lemma joint_prob_cv x l : policies_converge x l ->
  forall s a, Un_cv (fun n => joint_prob (prob (x n)) s a) (joint_prob (prob l) s a).
Proof. by move=> H s a; apply: Un_cv_prod_seq => i; exact: H. Qed.

Lemma policy_kernel_cv x l : policies_converge x l ->
  forall s s', Un_cv (fun n => policy_kernel G (x n) s s') (policy_kernel G l s s').
Proof.
move=> H s s'; apply: Un_cv_sum => a.
by apply: CV_mult; [exact: joint_prob_cv|exact: Un_cv_const].
Qed.

Lemma state_occupancy_cv x l : policies_converge x l -> forall s, Un_cv (fun n => dS (x n) s) (dS l s).
Proof.
move=> H s; apply: Un_cv_of_abs0; have g1 := discount_lt1 G.
pose B n := gamma / (1 - gamma) *
   (\sum_s' (\sum_s (dS l s * Rabs (policy_kernel G (x n) s s' - policy_kernel G l s s')))).
apply: (Un_cv_squeeze (g := B)).
  move=> n; split; first exact: Rabs_pos.
  have K := @occupancy_perturbation S p0 gamma (discount_ge0 G) (policy_kernel G l)
    (policy_kernel G (x n)) (dS l) (dS (x n)) (policy_kernel_ge0 G (x n)) (policy_kernel_sum1 G (x n))
    (state_occupancy_ge0 G l) (fun s' => occupancy_flow _ _ _ _ _ _ s')
    (fun s' => occupancy_flow _ _ _ _ _ _ s').
  have T := sum_ge_term (f := fun s => Rabs (dS (x n) s - dS l s)) s (fun s => Rabs_pos _).
  apply: Rle_trans T _; apply: (Rmult_le_reg_l (1 - gamma)); first by lra.
  apply: Rle_trans K _; rewrite /B; apply: Req_le; field; lra.
have -> : 0 = gamma / (1 - gamma) * (\sum_(s' : S) (\sum_(s : S) (dS l s * 0))).
  by rewrite big1 ?Rmult_0_r // => s' _; rewrite big1 // => s'' _; rewrite Rmult_0_r.
apply: CV_mult; first exact: Un_cv_const.
apply: Un_cv_sum => s'; apply: Un_cv_sum => s''.
apply: CV_mult; first exact: Un_cv_const.
by apply: Un_cv_abs0; exact: policy_kernel_cv.
Qed.

Theorem common_objective_continuous x l : policies_converge x l -> Un_cv (fun n => F (x n)) (F l).
Proof.
move=> H; have D y : Un_cv (fun n => dJ (x n) y) (dJ l y).
  by apply: CV_mult; [exact: state_occupancy_cv|exact: joint_prob_cv].
apply: CV_minus; first by apply: Un_cv_sum => y; apply: CV_mult => //; exact: Un_cv_const.
apply: CV_mult; first exact: Un_cv_const.
apply: Un_cv_sum => y; apply: xlnx_cv => [n|||]; last exact: D.
- exact: joint_occupancy_ge0.
- exact: joint_occupancy_ge0.
- exact: data_gt0.
Qed.

Lemma deviate_cv x l i (q : nat -> policy i) (p : policy i) : policies_converge x l ->
  (forall s b, Un_cv (fun n => proj1_sig (q n) s b) (proj1_sig p s b)) ->
  policies_converge (fun n => deviate (x n) (q n)) (deviate l p).
Proof.
move=> H Hq j s b; case: (@eqP _ i j) => [E|N].
  move: b; rewrite -{j}E => b.
  rewrite (_ : prob (deviate l p) i s b = proj1_sig p s b); last by rewrite /prob deviate_same.
  by apply: (Un_cv_ext _ (Hq s b)) => n; rewrite /prob deviate_same.
have -> : prob (deviate l p) j s b = prob l j s b by rewrite /prob deviate_other.
by apply: (Un_cv_ext _ (H j s b)) => n; rewrite /prob deviate_other.
Qed.

Lemma deviate_const_cv x l i (p : policy i) : policies_converge x l ->
  policies_converge (fun n => deviate (x n) p) (deviate l p).
Proof. by move=> H; apply: deviate_cv => // s b; exact: Un_cv_const. Qed.

(* ---------- the objective is bounded ---------- *)
Lemma reward_bounded : exists rmax, forall y, reward G y <= rmax.
Proof.
exists (\sum_y Rabs (reward G y)) => y; apply: Rle_trans (Rle_abs _) _.
by apply: (@sum_ge_term _ (fun y => Rabs (reward G y))) => z; exact: Rabs_pos.
Qed.

Lemma common_objective_bounded : exists B, forall x, F x <= B.
Proof.
have [rmax rb] := reward_bounded; exists (rmax + alpha * (\sum_(y : SJA) data G y - 1)) => x.
have mass : \sum_(y : SJA) dJ x y = 1.
  exact: (flow_mass (transition_sum1 G) (initial_sum1 G) (discount_lt1 G) (joint_occupancy_flow G x)).
have A1 : \sum_(y : SJA) (dJ x y * reward G y) <= rmax.
  apply: (Rle_trans _ (\sum_(y : SJA) (dJ x y * rmax))).
    by apply: sum_le => y _; apply: Rmult_le_compat_l => //; exact: joint_occupancy_ge0.
  by rewrite sum_scalr mass; lra.
have A2 : 1 - \sum_(y : SJA) data G y <= KL (dJ x) (data G).
  rewrite -mass -sum_sub; apply: sum_le => y _; apply: gibbs_term; last exact: data_gt0.
  exact: joint_occupancy_ge0.
have := Rmult_le_compat_l alpha _ _ alpha_ge0 A2.
have -> : F x = \sum_(y : SJA) (dJ x y * reward G y) - alpha * KL (dJ x) (data G) by [].
lra.
Qed.

Let F_ext : forall x y : joint_policy, (forall i, same_policy (x i) (y i)) -> F x = F y.
Proof. exact: common_objective_ext. Qed.

(* ---------- runs ---------- *)
Section Runs.
Variables (x : nat -> joint_policy) (who : nat -> I).
Hypothesis run : alberdice_run G alpha x who.
Let steps := alberdice_run_best_responds run.
Let refl := @same_policy_refl I S A.
Let trans := @same_policy_trans I S A.

(* Theorem 4.2, values (alpha >= 0): "every update improves this common value" and the values
   converge.  The scalar objective (2) is meant; "for each state s", as printed, is false
   (file PerStateFall). *)
Theorem theorem_4_2_values_monotone t : F (x t) <= F (x t.+1).
Proof. exact: (values_monotone refl F_ext steps). Qed.

Theorem theorem_4_2_values_converge : exists l, Un_cv (fun t => F (x t)) l.
Proof.
have [B HB] := common_objective_bounded.
by have [l Hl] := values_converge refl F_ext steps HB; exists l.
Qed.

Lemma mover_is_optimal t : block_optimal (x t.+1) (who t).
Proof. exact: (moved_is_optimal refl F_ext steps). Qed.

(* "The inequality is strict unless agent i is already using an optimal policy" *)
Theorem theorem_4_2_strict_unless_optimal t :
  F (x t.+1) = F (x t) -> block_optimal (x t) (who t).
Proof. exact: (no_gain_was_optimal F_ext steps). Qed.

(* Theorem 4.2, "converges to a Nash policy": a fixed point of the updates is Nash ... *)
Theorem theorem_4_2_fixed_point_nash t : (forall i, exists k, who (t + k)%nat = i) ->
  (forall k i, same_policy (x (t + k)%nat i) (x t i)) -> nash (x t).
Proof. exact: (fixed_point_nash refl F_ext steps). Qed.

(* ... which is (1) of Definition 2.1 for the reward r~ frozen there, at the reachable states *)
Theorem theorem_4_2_fixed_point_state_values t : (forall i, exists k, who (t + k)%nat = i) ->
  (forall k i, same_policy (x (t + k)%nat i) (x t i)) ->
  forall i s, 0 < dS (x t) s -> forall p : policy i,
    value G (frozen_reward_at G alpha (x t)) (deviate (x t) p) s
    <= value G (frozen_reward_at G alpha (x t)) (x t) s.
Proof.
move=> turn stay; apply: frozen_nash_at_reachable_states => //; exact: theorem_4_2_fixed_point_nash.
Qed.

(* Theorem 4.2 with ties (in particular alpha = 0): under the rule "stay if already optimal", a
   stretch of T steps in which everyone moves and nothing is gained starts at a Nash policy *)
Theorem theorem_4_2_stalled_round_nash t T :
  (forall s, block_optimal (x s) (who s) -> forall j, same_policy (x s.+1 j) (x s j)) ->
  (forall i, exists2 k, (k < T)%nat & who (t + k)%nat = i) ->
  F (x (t + T)%nat) = F (x t) -> nash (x t).
Proof. exact: (stalled_round_nash refl trans F_ext steps). Qed.

(* "the process may terminate at an eps-Nash policy": when the agent with the largest gain moves,
   an eps-Nash policy appears within (B - F(x^0)) / eps steps, B any upper bound of F *)
Theorem theorem_4_2_greedy_eps_nash B eps : (forall y, F y <= B) -> 0 < eps ->
  (forall t i (z : policy i), F (deviate (x t) z) <= F (x t.+1)) ->
  exists2 t, INR t * eps <= B - F (x 0%nat) & eps_nash eps (x t).
Proof. by move=> HB; apply: (greedy_eps_nash HB). Qed.

(* Theorem 4.2 for any number of agents, IF the policies converge: the limit is Nash *)
Theorem theorem_4_2_limit_nash (l : joint_policy) :
  (forall i N, exists t, (N <= t)%coq_nat /\ who t = i) -> policies_converge x l -> nash l.
Proof.
move=> turn C i z; apply: Rnot_lt_le => lt.
have e0 : (F (deviate l z) - F l) / 2 > 0 by lra.
case: (common_objective_continuous (deviate_const_cv z C) e0) => N1 H1.
case: (common_objective_continuous C e0) => N2 H2.
case: (turn i (N1 + N2)%coq_nat) => t [Ht Et].
have t1 : (t.+1 >= N1)%coq_nat.
  by apply: le_S; apply: Nat.le_trans Ht; exact: Nat.le_add_r.
have t2 : (t.+1 >= N2)%coq_nat.
  by apply: le_S; apply: Nat.le_trans Ht; exact: Nat.le_add_l.
have := H1 _ t1; have := H2 _ t2; rewrite /R_dist => /Rabs_def2 A2 /Rabs_def2 A1.
have := @mover_is_optimal t; rewrite Et => /(_ z) M; lra.
Qed.

Lemma values_along_subsequence (phi : nat -> nat) (l : joint_policy) (k : nat) L : subsequence phi ->
  Un_cv (fun t => F (x t)) L -> policies_converge (fun n => x (phi n + k)%nat) l -> F l = L.
Proof.
move=> sub C Cl; apply: UL_sequence (common_objective_continuous Cl) _.
apply: (Un_cv_subsequence (phi := fun n => (phi n + k)%nat)) C => n.
by apply/ltP; rewrite ltn_add2r; apply/ltP; exact: sub.
Qed.

(* two agents taking turns, alpha >= 0: EVERY accumulation point of the policies is Nash *)
Theorem theorem_4_2_two_agents_accumulation_nash (phi : nat -> nat) (l : joint_policy) :
  (forall t i, who t = i \/ who t.+1 = i) ->
  subsequence phi -> policies_converge (fun n => x (phi n)) l -> nash l.
Proof.
move=> two sub C i z; have [L HL] := theorem_4_2_values_converge.
have C0 : policies_converge (fun n => x (phi n + 0)%nat) l.
  by move=> j s b; apply: (Un_cv_ext _ (C j s b)) => n; rewrite addn0.
rewrite (values_along_subsequence sub HL C0).
have Cz := Un_cv_subsequence (phi := fun n => (phi n.+1)%nat) (fun n => sub n.+1)
             (Un_cv_const (F (deviate l z))).
have shift : Un_cv (fun n => F (deviate (x (phi n.+1)) z)) (F (deviate l z)).
  apply: (common_objective_continuous (x := fun n => deviate (x (phi n.+1)) z)).
  apply: deviate_const_cv => j s b e e0; case: (C j s b e e0) => N HN; exists N => n Hn.
  by apply: HN; apply: le_S.
have nextv : Un_cv (fun n => F (x (phi n.+1).+1)) L.
  apply: (Un_cv_subsequence (phi := fun n => (phi n.+1).+1)) HL => n.
  by apply/ltP; rewrite ltnS; apply/ltP; exact: sub.
apply: (Un_cv_le _ shift nextv) => n.
have [t Et] : exists t, phi n.+1 = t.+1.
  have := sub n; case: (phi n.+1) => [|t] lt0; last by exists t.
  by case: (Nat.nlt_0_r _ lt0).
rewrite Et; case: (two t i) => W.
  have := @mover_is_optimal t; rewrite W => /(_ z) M.
  by apply: Rle_trans M _; exact: theorem_4_2_values_monotone.
by have [p [B E]] := steps t.+1; rewrite (F_ext E); move: p B E; rewrite W => p B _; exact: B.
Qed.
End Runs.

(* ---------- compactness of the joint policies ---------- *)
Theorem joint_policies_compact (x : nat -> joint_policy) :
  exists phi, subsequence phi /\ exists l, policies_converge (fun n => x (phi n)) l.
Proof.
pose f n (t : {i : I & (S * A i)%type}) := prob (x n) (tag t) (tagged t).1 (tagged t).2.
have [|phi [sub C]] := @cube_compact _ f.
  by move=> n t; split; [exact: prob_ge0|exact: prob_le1].
have cauchy t : Cauchy_crit (fun n => f (phi n) t).
  by have [l Hl] := C t; apply: CV_Cauchy; exists l.
pose tg (i : I) (s : S) (b : A i) : {i : I & (S * A i)%type} := Tagged (fun i => (S * A i)%type) (s, b).
pose l (i : I) (s : S) (b : A i) : R := proj1_sig (R_complete _ (cauchy (tg i s b))).
have Hl (i : I) (s : S) (b : A i) : Un_cv (fun n => prob (x (phi n)) i s b) (l i s b).
  exact: (proj2_sig (R_complete _ (cauchy (tg i s b)))).
have valid i : is_policy (l i).
  split=> [s b|s].
    by apply: (Un_cv_le _ (Un_cv_const 0) (Hl i s b)) => n; exact: prob_ge0.
  apply: UL_sequence (Un_cv_sum (fun b => Hl i s b)) _.
  by apply: (Un_cv_ext _ (Un_cv_const 1)) => n; exact: prob_sum1.
by exists phi; split=> //; exists (fun i => exist _ (l i) (valid i)).
Qed.

(* ---------- joint policies with the same stationary distribution ---------- *)
Lemma policies_of_occupancy (l : joint_policy) j s b :
  \sum_(a : JA | a j == b) dJ l (s, a) = dS l s * prob l j s b.
Proof. by rewrite /joint_occupancy /= sum_scal (joint_prob_marginal (prob_sum1 l)). Qed.

Lemma states_of_occupancy (l : joint_policy) s : \sum_(a : JA) dJ l (s, a) = dS l s.
Proof. by rewrite /joint_occupancy /= sum_scal (joint_prob_sum1 (prob_sum1 l)) Rmult_1_r. Qed.

Lemma equal_occupancy_policies (l l' : joint_policy) : (forall y, dJ l y = dJ l' y) ->
  forall s, dS l s = dS l' s /\ (dS l' s <> 0 -> forall j b, prob l j s b = prob l' j s b).
Proof.
move=> E s; have D : dS l s = dS l' s by rewrite -!states_of_occupancy; apply: eq_bigr => a _.
split=> // N j b; apply: (Rmult_eq_reg_l (dS l' s)) => //.
by rewrite -{1}D -!policies_of_occupancy; apply: eq_bigr => a _.
Qed.

(* with alpha > 0 an optimal block has maximal support, so a deviation never leaves the reachable
   states and the policies elsewhere do not matter *)
Hypothesis alpha_gt0 : 0 < alpha.

Lemma equal_occupancy_block_optimal (l l' : joint_policy) i : (forall y, dJ l y = dJ l' y) ->
  block_optimal l' i -> block_optimal l i.
Proof.
move=> E B p.
have -> : F l = F l' by apply: joint_objective_ext.
have [Hs _] := (regularised_LP_iff_frozen_best_response (reward G) (transition_sum1 G)
  (initial_sum1 G) (discount_lt1 G) alpha_gt0 (data_gt0 G) (prob_ge0 l') i (dJ l')).1
  ((block_optimal_iff_LP G alpha l' i).1 B).
apply: Rle_trans (B p); apply: Req_le; symmetry.
pose ds := dS (deviate l' p).
have inside s : ds s <> 0 -> dS l' s <> 0.
  move=> N Z; apply: N; rewrite /ds -states_of_occupancy big1 // => a _.
  apply: (Hs _ (deviation_is_feasible G l' p)).
  by rewrite /joint_occupancy /= Z Rmult_0_l.
have agree (y : SJA) : ds y.1 * joint_prob (prob (deviate l' p)) y.1 y.2
                     = ds y.1 * joint_prob (prob (deviate l p)) y.1 y.2.
  case: (Req_dec (ds y.1) 0) => [->|N]; first by ring.
  have [_ H] := equal_occupancy_policies E y.1; have {}H := H (inside _ N).
  congr (_ * _); apply: eq_bigr => j _.
  rewrite /prob /deviate; case: eqP => // _; symmetry; exact: H.
apply: joint_objective_ext => y; rewrite /joint_occupancy agree.
apply: joint_occupancy_unique => s'; have := joint_occupancy_flow G (deviate l' p) s'.
rewrite (eq_bigr _ (fun a _ => agree (s', a))) => ->.
by congr (_ + _ * _); apply: eq_bigr => y' _; rewrite -agree.
Qed.

(* two solutions of agent i's LP against the same others have the same stationary distribution *)
Lemma optimal_blocks_agree (l l' : joint_policy) i : (forall j, i <> j -> same_policy (l' j) (l j)) ->
  block_optimal l i -> block_optimal l' i -> forall y, dJ l' y = dJ l y.
Proof.
move=> E /(block_optimal_iff_LP G alpha) M /(block_optimal_iff_LP G alpha) M'.
have O s a : others_prob (prob l') i s a = others_prob (prob l) i s a.
  by apply: eq_bigr => j /eqP N; apply: E => e; apply: N.
have FF d : feasible P p0 gamma (prob l') i d <-> feasible P p0 gamma (prob l) i d.
  by split=> -[di [H1 H2 H3]]; exists di; split=> // y; rewrite H2 O.
apply: (regularised_LP_unique (r := reward G) (transition_sum1 G) (initial_sum1 G)
  (discount_lt1 G) alpha_gt0 (data_gt0 G) (prob_ge0 l)) M.
by case: M' => M1 M2; split; [apply/FF|move=> d /FF; exact: M2].
Qed.

(* infinitely many steps, finitely many agents *)
Lemma pigeonhole (w : nat -> I) : exists phi, subsequence phi /\ exists i, forall n, w (phi n) = i.
Proof.
have I0 : (0 < #|I|)%nat by apply/card_gt0P; exists (w 0%nat).
have Ip : 0 < INR #|I| by apply: lt_0_INR; apply/ltP.
pose f n := INR (enum_rank (w n)) / INR #|I|.
have [|phi [sub [l Hl]]] := @bounded_has_convergent_subsequence f.
  move=> n; split.
    by apply: Rmult_le_pos; [exact: pos_INR|have := Rinv_0_lt_compat _ Ip; lra].
  apply: (Rmult_le_reg_r (INR #|I|)) => //; rewrite /f /Rdiv Rmult_assoc Rinv_l ?Rmult_1_r ?Rmult_1_l; try lra.
  by apply: le_INR; apply/leP; apply: ltnW; exact: ltn_ord.
have c : Cauchy_crit (fun n => f (phi n)) by apply: CV_Cauchy; exists l.
have [N HN] := c (/ INR #|I|) (Rinv_0_lt_compat _ Ip).
exists (fun n => phi (N + n)%nat); split.
  by move=> n; rewrite addnS; exact: sub.
exists (w (phi N)) => n.
have := HN (N + n)%nat N (Nat.le_add_r _ _) (le_n _); rewrite /R_dist /f.
set a := enum_rank _; set b := enum_rank _.
have -> : INR a / INR #|I| - INR b / INR #|I| = (INR a - INR b) * / INR #|I| by rewrite /Rdiv; ring.
rewrite Rabs_mult (Rabs_pos_eq (/ _)); last by have := Rinv_0_lt_compat _ Ip; lra.
move=> K; have {}K : Rabs (INR a - INR b) < 1.
  apply: (Rmult_lt_reg_r (/ INR #|I|)); first exact: Rinv_0_lt_compat.
  by rewrite Rmult_1_l.
have [K1 K2] := Rabs_def2 _ _ K; apply: enum_rank_inj; apply: ord_inj.
have h1 : (nat_of_ord a < (nat_of_ord b).+1)%coq_nat by apply: INR_lt; rewrite S_INR; lra.
have h2 : (nat_of_ord b < (nat_of_ord a).+1)%coq_nat by apply: INR_lt; rewrite S_INR; lra.
by apply: Nat.le_antisymm; apply: le_S_n.
Qed.

(* ---------- any number of agents, alpha > 0 ---------- *)
Section Accumulation.
Variables (x : nat -> joint_policy) (who : nat -> I).
Hypothesis run : alberdice_run G alpha x who.
Variable T : nat.
Hypothesis everyone_moves : forall t i, exists2 k, (k < T)%nat & who (t + k)%nat = i.
Let steps := alberdice_run_best_responds run.

(* along a further subsequence the next K iterates converge and the next K movers are constant *)
Lemma window (phi : nat -> nat) K : exists psi, subsequence psi /\ forall k, (k < K)%nat ->
  (exists l, policies_converge (fun n => x (phi (psi n) + k)%nat) l) /\
  (exists i, forall n, who (phi (psi n) + k)%nat = i).
Proof.
elim: K => [|K [psi [sub H]]].
  by exists (fun n => n); split=> // n; exact: Nat.lt_succ_diag_r.
have [psi1 [sub1 [l Hl]]] := joint_policies_compact (fun n => x (phi (psi n) + K)%nat).
have [psi2 [sub2 [i Hi]]] := pigeonhole (fun n => who (phi (psi (psi1 n)) + K)%nat).
have sub12 := subsequence_comp sub1 sub2.
exists (fun n => psi (psi1 (psi2 n))); split; first exact: (subsequence_comp sub sub12).
move=> k; rewrite ltnS leq_eqVlt => /orP[/eqP ->|kK].
  split; last by exists i.
  by exists l => j s b; apply: (Un_cv_subsequence sub2 (Hl j s b)).
have [[l' Hl'] [i' Hi']] := H k kK; split; last by exists i' => n; exact: Hi'.
by exists l' => j s b; apply: (Un_cv_subsequence sub12 (Hl' j s b)).
Qed.

(* the limit of a step that gains nothing *)
Lemma step_limit (phi : nat -> nat) i (l l' : joint_policy) : (forall n, who (phi n) = i) ->
  policies_converge (fun n => x (phi n)) l -> policies_converge (fun n => x (phi n).+1) l' ->
  F l = F l' -> block_optimal l i /\ forall y, dJ l' y = dJ l y.
Proof.
move=> W C C' FE.
have others j : i <> j -> same_policy (l' j) (l j).
  move=> ne s b; apply: UL_sequence (C' j s b) _; apply: (Un_cv_ext _ (C j s b)) => n.
  have [p [_ E]] := run (phi n); rewrite /prob (E j s b) deviate_other //.
  by rewrite W.
have opt' : block_optimal l' i.
  move=> z; apply: (Un_cv_le _ (common_objective_continuous (deviate_const_cv z C'))
                              (common_objective_continuous C')) => n.
  have := @mover_is_optimal x who run (phi n); rewrite W; exact.
have opt : block_optimal l i.
  move=> z; rewrite FE; apply: Rle_trans (opt' z); apply: Req_le; apply: F_ext => j s b.
  rewrite /deviate; case: eqP => // ne; symmetry; exact: others.
split=> //; exact: (optimal_blocks_agree others).
Qed.

(* Theorem 4.2 for any number of agents and alpha > 0, without assuming that the policies converge:
   EVERY accumulation point of the policies is Nash *)
Theorem theorem_4_2_accumulation_nash (phi : nat -> nat) (l : joint_policy) :
  subsequence phi -> policies_converge (fun n => x (phi n)) l -> nash l.
Proof.
move=> sub C; have [L HL] := theorem_4_2_values_converge run.
have [psi [sub' H]] := window phi T.+1.
have subk := subsequence_comp sub sub'.
have Fk k lk : policies_converge (fun n => x (phi (psi n) + k)%nat) lk -> F lk = L.
  exact: (values_along_subsequence subk HL).
have step k lk lk1 i : (forall n, who (phi (psi n) + k)%nat = i) ->
    policies_converge (fun n => x (phi (psi n) + k)%nat) lk ->
    policies_converge (fun n => x (phi (psi n) + k.+1)%nat) lk1 ->
    block_optimal lk i /\ forall y, dJ lk1 y = dJ lk y.
  move=> W Ck Ck1; apply: (@step_limit (fun n => phi (psi n) + k)%nat) => //.
    by move=> j s b; apply: (Un_cv_ext _ (Ck1 j s b)) => n; rewrite addnS.
  by rewrite (Fk _ _ Ck) (Fk _ _ Ck1).
have flat k lk : (k <= T)%nat -> policies_converge (fun n => x (phi (psi n) + k)%nat) lk ->
    forall y, dJ lk y = dJ l y.
  elim: k lk => [|k IH] lk kT Ck.
    apply: joint_occupancy_ext => j s b; apply: UL_sequence (Ck j s b) _.
    by apply: (Un_cv_ext _ (Un_cv_subsequence sub' (C j s b))) => n; rewrite addn0.
  have [[l0 H0] [i Hi]] := H k (leqW kT).
  by move=> y; rewrite (step k l0 lk i Hi H0 Ck).2; exact: (IH l0 (ltnW kT) H0).
move=> i; have [k kT Wk] := everyone_moves (phi (psi 0%nat)) i.
have [[l0 H0] [i' Hi]] := H k (leqW kT).
have [[l1 H1] _] := H k.+1 kT.
have Ei : i' = i by rewrite -Wk -(Hi 0%nat).
rewrite -Ei; apply: (@equal_occupancy_block_optimal l l0 i').
  by move=> y; symmetry; exact: (flat k l0 (ltnW kT) H0).
exact: (step k l0 l1 i' Hi H0 H1).1.
Qed.

(* such accumulation points exist, and are Nash state by state for the frozen reward *)
Theorem theorem_4_2_accumulation_point_exists :
  exists phi l, [/\ subsequence phi, policies_converge (fun n => x (phi n)) l, nash l &
    forall i s, 0 < dS l s -> forall p : policy i,
      value G (frozen_reward_at G alpha l) (deviate l p) s <= value G (frozen_reward_at G alpha l) l s].
Proof.
have [phi [sub [l C]]] := joint_policies_compact x.
have N := theorem_4_2_accumulation_nash sub C.
by exists phi, l; split=> //; exact: frozen_nash_at_reachable_states.
Qed.
End Accumulation.
End Convergence.
