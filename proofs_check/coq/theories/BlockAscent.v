(* The abstract core of Theorem 4.2: agents take turns to maximise exactly ONE common objective F
   (Lemma 4.1 provides it) over a product of policy sets X_i.

   - the values F(x^t) never fall, and converge when F is bounded;
   - an agent that has just moved has no better deviation; an agent whose move gained nothing had
     none before;
   - a fixed point of a full round is Nash (blockwise optimal); with the tie rule "stay if already
     optimal" a round that gains nothing is enough (this is the correct form at alpha = 0);
   - under the greedy schedule an eps-Nash point appears within (sup F - F(x^0)) / eps steps.

   No agent, policy set or objective is special here: everything else is in the later files. *)
From Coq Require Import Reals Lra Arith.
From mathcomp Require Import all_ssreflect.
From AlberDICE Require Import RealSums Inequalities Limits.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Local Open Scope R_scope.

Section BlockAscent.
Variables (I : eqType) (X : I -> Type).      (* agents; the policy set of each agent *)
Notation P := (forall i, X i).               (* joint policies: factorised by construction *)
Variable F : P -> R.                         (* the common objective (Lemma 4.1) *)
(* "the same policy": an equivalence on each policy set (later: equal probabilities everywhere) *)
Variable same : forall i, X i -> X i -> Prop.
Hypotheses (same_refl : forall i (y : X i), same y y)
  (same_trans : forall i (u v w : X i), same u v -> same v w -> same u w).

(* deviate x i y: agent i plays y, the others keep x *)
Definition deviate (x : P) (i : I) (y : X i) : P :=
  fun j => match @eqP I i j with ReflectT e => eq_rect i X y j e | ReflectF _ => x j end.

Lemma deviate_same x i y : @deviate x i y i = y.
Proof. by rewrite /deviate; case: eqP => // e; rewrite (eq_irrelevance e erefl). Qed.
Lemma deviate_other x i y j : i <> j -> @deviate x i y j = x j.
Proof. by rewrite /deviate; case: eqP. Qed.

Definition best_response x i (y : X i) : Prop := forall z : X i, F (deviate x z) <= F (deviate x y).
Definition block_optimal x i : Prop := forall z : X i, F (deviate x z) <= F x.
Definition nash x : Prop := forall i, block_optimal x i.
Definition eps_nash eps x : Prop := forall i (z : X i), F (deviate x z) <= F x + eps.

(* a run: at step t agent (who t) best-responds, the others keep their policies *)
Hypothesis F_ext : forall x y : P, (forall i, same (x i) (y i)) -> F x = F y.
Variables (x : nat -> P) (who : nat -> I).
Definition step_ok t := exists y : X (who t),
  best_response (x t) y /\ forall j, same (x (S t) j) (deviate (x t) y j).
Hypothesis run : forall t, step_ok t.
Variable B : R.
Hypothesis F_bound : forall p, F p <= B.

Lemma deviate_self p i : F (deviate p (p i)) = F p.
Proof.
apply: F_ext => j; rewrite /deviate; case: eqP => // e.
by case: _ / e; exact: same_refl.
Qed.

Theorem values_monotone t : F (x t) <= F (x (S t)).
Proof.
case: (run t) => y [Hy E]; rewrite (F_ext E) -(deviate_self (x t) (who t)); exact: Hy.
Qed.

(* the VALUES converge (the paper's "reaches a local maximum" needs more) *)
Theorem values_converge : { l | Un_cv (fun t => F (x t)) l }.
Proof.
apply: growing_cv; first by move=> t; exact: values_monotone.
by exists B => _ [t ->]; exact: F_bound.
Qed.

(* what an update certifies: the agent that moved has no better deviation afterwards *)
Lemma moved_is_optimal t : block_optimal (x (S t)) (who t).
Proof.
case: (run t) => y [Hy E] z.
have -> : F (deviate (x (S t)) z) = F (deviate (x t) z).
  apply: F_ext => j; have := E j; rewrite /deviate; case: eqP => [e _|_ //].
  by case: _ / e.
rewrite (F_ext E); exact: Hy.
Qed.

(* an agent whose update gained nothing had no better deviation before it either *)
Lemma no_gain_was_optimal t : F (x (S t)) = F (x t) -> block_optimal (x t) (who t).
Proof.
move=> G z; case: (run t) => y [Hy E].
by rewrite -G (F_ext E); exact: Hy.
Qed.

(* fixed point: the policy does not move while every agent has its turn -> Nash *)
Theorem fixed_point_nash t : (forall i, exists k, who (t + k)%nat = i) ->
  (forall k i, same (x (t + k)%nat i) (x t i)) -> nash (x t).
Proof.
move=> turn stay i; case: (turn i) => k <- z.
have H := @moved_is_optimal (t + k) z.
have E1 : F (x (S (t + k))) = F (x t) by apply: F_ext => j; rewrite -addnS.
rewrite -E1; apply: Rle_trans H; apply: Req_le; symmetry; apply: F_ext => j.
by rewrite /deviate; case: eqP => [e|_]; [case: _ / e|rewrite -addnS].
Qed.

(* with the tie-break "do not move when already optimal", a value that stalls over one
   window in which everyone moves once is already Nash *)
Theorem stalled_round_nash t T :
  (forall s, block_optimal (x s) (who s) -> forall j, same (x (S s) j) (x s j)) ->
  (forall i, exists2 k, (k < T)%nat & who (t + k)%nat = i) ->
  F (x (t + T)%nat) = F (x t) -> nash (x t).
Proof.
move=> keep turn stall.
have mono a b : F (x a) <= F (x (a + b)%nat).
  elim: b => [|b IH]; first by rewrite addn0; lra.
  rewrite addnS; exact: Rle_trans (values_monotone _).
have flat k : (k <= T)%nat -> F (x (t + k)%nat) = F (x t).
  move=> kT; have := mono t k; have := mono (t + k)%nat (T - k)%nat.
  rewrite -addnA subnKC // stall; lra.
have stay k : (k <= T)%nat -> forall j, same (x (t + k)%nat j) (x t j).
  elim: k => [|k IH] kT j; first by rewrite addn0.
  apply: same_trans (IH (ltnW kT) j); rewrite addnS; apply: keep; apply: no_gain_was_optimal.
  by rewrite -addnS !flat // ltnW.
move=> i; case: (turn i) => k kT <- z.
have E : F (x (t + k)%nat) = F (x t) by apply: flat; exact: ltnW.
have N : F (x (S (t + k))) = F (x (t + k)%nat) by rewrite -addnS !flat // ltnW.
rewrite -E; apply: Rle_trans (no_gain_was_optimal N z).
apply: Req_le; symmetry; apply: F_ext => j; rewrite /deviate.
by case: eqP => [e|_]; [case: _ / e|apply: stay; rewrite ltnW].
Qed.

(* eps-Nash in finitely many steps under the greedy schedule (the agent with the largest
   possible gain moves) *)
Theorem greedy_eps_nash eps : 0 < eps ->
  (forall t i (z : X i), F (deviate (x t) z) <= F (x (S t))) ->
  exists2 t, INR t * eps <= B - F (x 0%nat) & eps_nash eps (x t).
Proof.
move=> eps0 greedy.
have small t : F (x (S t)) <= F (x t) + eps -> eps_nash eps (x t).
  by move=> H i z; have := greedy t i z; lra.
have [n Hn] : exists n, B - F (x 0%nat) < INR n * eps.
  set a := B - F (x 0%nat); have a0 : 0 <= a by have := F_bound (x 0%nat); rewrite /a; lra.
  have p0 : 0 < eps / (a + 1) by apply: Rdiv_lt_0_compat; lra.
  have [n [Hn n0]] := archimed_cor1 _ p0; exists n.
  have np : 0 < INR n by exact: lt_0_INR.
  have K : INR n * / INR n < INR n * (eps / (a + 1)) by exact: Rmult_lt_compat_l.
  rewrite Rinv_r in K; last by lra.
  have E : (INR n * eps) = INR n * (eps / (a + 1)) * (a + 1) by field; lra.
  have : 1 * (a + 1) < INR n * (eps / (a + 1)) * (a + 1) by apply: Rmult_lt_compat_r; lra.
  by rewrite -E; lra.
(* induction on the remaining number of eps-sized gains *)
have: forall k t, INR t * eps <= F (x t) - F (x 0%nat) -> (t + k = n)%nat ->
   exists2 s, INR s * eps <= B - F (x 0%nat) & eps_nash eps (x s).
  elim=> [|k IH] t Ht E.
    by move: E; rewrite addn0 => E; move: Ht; rewrite E; have := F_bound (x n); lra.
  case: (Rle_lt_dec (F (x (S t))) (F (x t) + eps)) => C.
    by exists t; [have := F_bound (x t); lra|exact: small].
  by apply: (IH (S t)); [rewrite S_INR; lra|rewrite addSnnS].
by move/(_ n 0%nat); rewrite /= add0n; apply => //; lra.
Qed.
End BlockAscent.
