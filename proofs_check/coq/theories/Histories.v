(* (50): projections for policies with a memory.  e depends on the state s, the policy on the agent's history h only; a row has weight w(s, h).
   The loss is that of (48) over histories, with the mean of e given the history: so its minimiser is pi_i^D(.|h) exp(E[e|h] / alpha) / Z.
   What is lost by not seeing the state is not bounded here; nothing is said on best responses.
   ((49) is Extraction.cloning_recovers_the_conditional with histories for keys.) *)
From Coq Require Import Reals Lra.
From mathcomp Require Import all_ssreflect.
From AlberDICE Require Import RealSums Inequalities Extraction.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Local Open Scope R_scope.

Section Histories.
Variables (S H B : finType) (w : S * H -> R) (piD : H -> B -> R) (e : S -> B -> R) (alpha : R).
Hypotheses (w0 : forall x, 0 <= w x) (alpha0 : 0 < alpha) (piD0 : forall h b, 0 < piD h b) (B0 : (0 < #|B|)%nat).
Definition history_weight (h : H) : R := \sum_s w (s, h).
Definition mean_advantage (h : H) (b : B) : R := (\sum_s (w (s, h) * e s b)) / history_weight h.
Definition loss_50 (p : H -> B -> R) : R :=
  \sum_(x : S * H) (w x * (\sum_b (p x.2 b * (- e x.1 b + alpha * ln (p x.2 b / piD x.2 b))))).

Lemma history_weight_ge0 h : 0 <= history_weight h.
Proof. by apply: sum_ge0 => s _; exact: w0. Qed.

Theorem loss_50_is_loss_48 p : loss_50 p = loss_48 history_weight piD mean_advantage alpha p.
Proof.
have -> : loss_50 p = \sum_h (\sum_s (w (s, h) * (\sum_b (p h b * (- e s b + alpha * ln (p h b / piD h b)))))).
  by rewrite /loss_50 exchange_big pair_bigA; apply: eq_bigr => -[s h].
apply: eq_bigr => h _; case: (Req_dec (history_weight h) 0) => [Z|W].
  by rewrite Z Rmult_0_l; apply: big1 => s _; rewrite (sum_eq0 (f := fun s => w (s, h)) _ Z s) => [|s']; [ring|exact: w0].
rewrite (eq_bigr (fun s => \sum_b (w (s, h) * (p h b * (- e s b + alpha * ln (p h b / piD h b)))))) => [|s _]; last by rewrite sum_scal.
rewrite exchange_big -sum_scal; apply: eq_bigr => b _ /=.
rewrite (eq_bigr (fun s => p h b * (alpha * ln (p h b / piD h b)) * w (s, h) - p h b * (w (s, h) * e s b))) => [|s _]; last by ring.
rewrite sum_sub !sum_scal -/(history_weight h) /mean_advantage; field; exact: W.
Qed.

Theorem projection_minimises_50 p : is_distribution p ->
  loss_50 (projection piD mean_advantage alpha) <= loss_50 p
  /\ (loss_50 p = loss_50 (projection piD mean_advantage alpha) ->
      forall h, 0 < history_weight h -> forall b, p h b = projection piD mean_advantage alpha h b).
Proof.
move=> dp; have least := projection_minimises_41 mean_advantage alpha history_weight_ge0 piD0 B0 dp.
rewrite !loss_50_is_loss_48 !loss_48_is_alpha_loss_41 //; split; first exact: (Rmult_le_compat_l _ _ _ (Rlt_le _ _ alpha0) least).
move=> E; apply: (projection_is_the_only_minimiser history_weight_ge0 piD0 B0 dp).
by apply: (Rmult_eq_reg_l alpha) => //; lra.
Qed.
End Histories.
