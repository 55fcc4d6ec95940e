(* Agent i's regularised linear program (2)-(3), as the paper states it.

   With the other agents' policies fixed, the variable d_i(s,a_i) >= 0 is feasible when the joint
   vector d(s,a) = d_i(s,a_i) pi_{-i}(a_{-i}|s) satisfies the Bellman flow constraints (3)

       \sum_a d(s',a) = (1 - gamma) p0(s') + gamma \sum_{s,a} P(s'|s,a) d(s,a)      for all s',

   and the objective is (2), \sum d r - alpha KL(d || d^D).  A solution is characterised as a best
   response for the ORDINARY linear program whose reward is r~ = r - alpha ln(d/d^D) frozen at the
   solution: this is the sense in which Theorem 4.2's "Nash policy of the modified MMDP" holds. *)
From Coq Require Import Reals Lra.
From mathcomp Require Import all_ssreflect.
From AlberDICE Require Import RealSums Inequalities Lemma41 FrozenReward.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Local Open Scope R_scope.

Section MMDP.
Variables (I S : finType) (A : I -> finType).
Notation JA := (joint_action A).
Notation SJA := (S * JA)%type.
Variables (P : SJA -> S -> R) (p0 : S -> R) (gamma alpha : R) (r dD : SJA -> R).
Hypotheses (P1 : forall x, \sum_s P x s = 1)
  (p01 : \sum_s p0 s = 1) (g1 : gamma < 1)
  (alpha0 : 0 < alpha) (dD0 : forall x, 0 < dD x).

(* the Bellman flow constraints (3) for a joint vector d(s,a) *)
Definition flow (d : SJA -> R) : Prop := forall s',
  \sum_(a : JA) d (s', a) = (1 - gamma) * p0 s' + gamma * (\sum_(x : SJA) (P x s' * d x)).

Lemma flow_mass d : flow d -> \sum_(x : SJA) d x = 1.
Proof.
move=> H; have E : \sum_(x : SJA) d x = (1 - gamma) + gamma * (\sum_(x : SJA) d x).
  have {1}-> : \sum_(x : SJA) d x = \sum_s' (\sum_(a : JA) d (s', a)).
    by rewrite pair_bigA; apply: eq_bigr => -[s a] _.
  rewrite (eq_bigr _ (fun s' _ => H s')) sum_add !sum_scal p01 exchange_big /=.
  rewrite (eq_bigr d) => [|x _]; first by ring.
  by rewrite sum_scalr P1; ring.
have : (1 - gamma) * (\sum_(x : SJA) d x) = (1 - gamma) * 1 by lra.
by move/Rmult_eq_reg_l; apply; lra.
Qed.

(* the feasible set of agent i's LP, as joint vectors: d(s,a) = d_i(s,a_i) pi_{-i}(a_{-i}|s) *)
Variable pi : forall i : I, S -> A i -> R.
Hypothesis pi0 : forall j s (b : A j), 0 <= pi s b.

Definition feasible (i : I) (d : SJA -> R) : Prop :=
  exists d_i : S -> A i -> R, [/\ forall s b, 0 <= d_i s b,
    forall x, d x = d_i x.1 (x.2 i) * others_prob pi i x.1 x.2 & flow d].

Definition joint_objective (d : SJA -> R) : R := regularised r dD alpha d.                      (* (2) *)
Definition frozen_modified_reward (d : SJA -> R) : SJA -> R := frozen_reward r dD alpha d.        (* r~ frozen at d *)

Lemma feasible_ge0 i d : feasible i d -> forall x, 0 <= d x.
Proof.
by case=> d_i [H0 E _] x; rewrite E; apply: Rmult_le_pos => //; apply: prod_ge0.
Qed.

Lemma feasible_mass i d d' : feasible i d -> feasible i d' -> \sum_(x : SJA) d x = \sum_(x : SJA) d' x.
Proof. by case=> d_i [_ _ H] [di' [_ _ H']]; rewrite !flow_mass. Qed.

Lemma feasible_convex i d d' t : feasible i d -> feasible i d' -> 0 <= t <= 1 ->
  feasible i (fun x => (1 - t) * d x + t * d' x).
Proof.
case=> d_i [H0 E F] [di' [H0' E' F']] Ht.
exists (fun s b => (1 - t) * d_i s b + t * di' s b); split.
- by move=> s b; apply: Rplus_le_le_0_compat; apply: Rmult_le_pos; try lra.
- by move=> x; rewrite E E'; ring.
- move=> s'; rewrite sum_add !sum_scal F F'.
  have -> : \sum_(x : SJA) (P x s' * ((1 - t) * d x + t * d' x))
    = (1 - t) * (\sum_(x : SJA) (P x s' * d x)) + t * (\sum_(x : SJA) (P x s' * d' x)).
    by rewrite -!sum_scal -sum_add; apply: eq_bigr => x _; ring.
  ring.
Qed.

(* ---- corrected Theorem 4.2, part (b): what "Nash policy of G~" can mean ----
   d solves agent i's regularised LP (2)-(3) iff occupancy_iter has maximal support in that LP's feasible
   set and is optimal for the ORDINARY linear program of agent i in the MMDP whose reward is
   r~ frozen at d. *)
Theorem regularised_LP_iff_frozen_best_response i d :
  maximises (feasible i) joint_objective d <->
  full_support (feasible i) d /\ maximises (feasible i) (linear_return (frozen_modified_reward d)) d.
Proof.
apply: maximiser_iff => //.
- by move=> p; exact: feasible_ge0.
- by move=> p q; exact: feasible_mass.
- by move=> p q t; exact: feasible_convex.
Qed.

(* the solution of (2)-(3) is unique, as a joint vector (the policy is then determined at every
   state with d(s) > 0, and at no other) *)
Theorem regularised_LP_unique i d d' :
  maximises (feasible i) joint_objective d -> maximises (feasible i) joint_objective d' -> forall x, d x = d' x.
Proof.
apply: maximiser_unique => //.
- by move=> p; exact: feasible_ge0.
- by move=> p q; exact: feasible_mass.
- by move=> p q t; exact: feasible_convex.
Qed.

(* all agents at once: d = d(s) pi(a|s) is blockwise optimal for the common objective iff occupancy_iter
   is blockwise optimal in the frozen modified game *)
Corollary nash_iff_frozen_nash d :
  (forall i, maximises (feasible i) joint_objective d) <->
  (forall i, full_support (feasible i) d /\ maximises (feasible i) (linear_return (frozen_modified_reward d)) d).
Proof. by split=> H i; apply/regularised_LP_iff_frozen_best_response. Qed.

(* at d(s,a) = d(s) pi(a|s) the objective is equation (2) of every agent *)
Lemma joint_objective_is_objective_2 i (ds : S -> R) :
  joint_objective (fun x => ds x.1 * joint_prob pi x.1 x.2) = objective_2 pi ds r dD alpha i.
Proof.
rewrite lemma_4_1 /joint_objective /regularised /KL -sum_scal -sum_sub; apply: eq_bigr => x _; ring.
Qed.

End MMDP.
