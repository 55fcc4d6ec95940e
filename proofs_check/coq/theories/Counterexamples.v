(* Counterexamples to statements as printed, with exact values.

   1  Theorem 4.2 "for each state s": a best response raises the objective while V~ falls at a state
   2  Theorem 4.2 "local maximum": a fixed point that is a saddle of the joint objective (alpha < 1/2)
   3  footnote 6 and Definition 2.1 at a state that is not reachable
   4  Lemma 4.1 with the r~ of Appendix D: the two agents' values differ
   5  Corollary B.2: (14) is strictly above the exact dual when the partner mixes
   6  display (23) with its printed weights violates Corollary B.2
   7  (12) shares one w over samples with the same (s, a_i): Proposition 3.1 per sample overshoots
   8  Theorem 4.2 at alpha = 0: exact best responses of three agents cycle for ever (ties)
   9  (2) is infeasible (objective -infinity) where d^D = 0 and the partner mixes
  10  Lemma E.3's equality condition and Lemma E.4's constant

   Parts 3, 5 and 6 are in file CounterexamplesMMDP, part 1 in file PerStateFall.
   Two agents are the booleans: agent 1 is [false], agent 2 is [true]; so are their two actions. *)
From Coq Require Import Reals Lra.
From mathcomp Require Import all_ssreflect.
From AlberDICE Require Import RealSums Inequalities Limits Lemma41 DualObjective FrozenReward
  DualCertificate RegularisedLP ReducedMDP BlockAscent Occupancy StateValues Convergence.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Local Open Scope R_scope.

(* ---------- sums over small sets ---------- *)
Lemma sum_bool (g : bool -> R) : \sum_(b : bool) g b = g true + g false.
Proof. by rewrite big_bool. Qed.
Lemma sum_unit (g : unit -> R) : \sum_(u : unit) g u = g tt.
Proof. by rewrite (bigD1 tt) //= big1 ?Rplus_0_r // => -[]. Qed.
Lemma sum_pairs (S T : finType) (g : S * T -> R) : \sum_(x : S * T) g x = \sum_s (\sum_t g (s, t)).
Proof. by rewrite pair_bigA; apply: eq_bigr => -[s a] _. Qed.

Notation bool_actions := (fun _ : bool_finType => bool_finType).
Notation two_agents := (joint_action bool_actions).
Notation agent1 := false (only parsing).
Notation agent2 := true (only parsing).

Definition play (b c : bool) : two_agents := [ffun i : bool => if i then c else b].
Lemma play1 b c : play b c false = b. Proof. by rewrite ffunE. Qed.
Lemma play2 b c : play b c true = c.  Proof. by rewrite ffunE. Qed.

Lemma sum_play (g : two_agents -> R) :
  \sum_(a : two_agents) g a
  = g (play true true) + g (play true false) + (g (play false true) + g (play false false)).
Proof.
have -> : \sum_(a : two_agents) g a = \sum_(b : bool) (\sum_(c : bool) g (play b c)).
  rewrite pair_bigA /= (reindex (fun p : bool * bool => play p.1 p.2)) //=.
  exists (fun a : two_agents => (a false, a true)) => [[b c] _|a _].
    by rewrite play1 play2.
  by apply/ffunP => -[]; rewrite ffunE.
by rewrite !sum_bool.
Qed.

Lemma sum_play1 b (g : two_agents -> R) :
  \sum_(a : two_agents | a false == b) g a = g (play b true) + g (play b false).
Proof. by rewrite big_mkcond sum_play !play1; case: b => /=; lra. Qed.

Lemma joint_prob_two (S : finType) (pi : forall i : bool, S -> bool -> R) s (a : two_agents) :
  @joint_prob bool_finType S bool_actions pi s a = pi false s (a false) * pi true s (a true).
Proof. by rewrite /joint_prob big_bool Rmult_comm. Qed.

Lemma others_prob_two (S : finType) (pi : forall i : bool, S -> bool -> R) s (a : two_agents) :
  @others_prob bool_finType S bool_actions pi false s a = pi true s (a true).
Proof. by rewrite /others_prob big_mkcond big_bool /= Rmult_1_r. Qed.

(* ---------- 2. a blockwise-optimal point that is a saddle: XOR, d^D uniform ---------- *)
Section Saddle.
Variable alpha : R.
(* KL of (p, 1-p) from the uniform distribution on two points *)
Definition kl_half (p : R) : R := p * ln (p / (1/2)) + (1 - p) * ln ((1 - p) / (1/2)).
(* agent 1 plays action 1 with probability p, agent 2 with probability q; r = 1 iff they differ *)
Definition xor_objective (p q : R) : R := p * (1 - q) + (1 - p) * q - alpha * (kl_half p + kl_half q).

Definition coin (p : R) (b : bool) : R := if b then p else 1 - p.
Definition xor_reward (x : unit * two_agents) : R := if x.2 false == x.2 true then 0 else 1.

(* it is equation (2) of either agent in the one-state XOR game with d^D = 1/4 *)
Lemma xor_objective_is_objective_2 p q i : 0 <= p <= 1 -> 0 <= q <= 1 ->
  objective_2 (A := bool_actions) (fun (j : bool) (_ : unit) => coin (if j then q else p))
    (fun _ => 1) xor_reward (fun _ => 1/4) alpha i = xor_objective p q.
Proof.
move=> Hp Hq; rewrite lemma_4_1 sum_pairs sum_unit sum_play !joint_prob_two /xor_reward /=.
rewrite !play1 !play2 /= /coin !Rmult_1_l.
have L u v : 0 <= u -> 0 <= v -> u * v * ln (u * v / (1/4))
    = v * (u * ln (u / (1/2))) + u * (v * ln (v / (1/2))).
  move=> u0 v0; case: (Req_dec u 0) => [->|un]; first by ring.
  case: (Req_dec v 0) => [->|vn]; first by ring.
  have -> : u * v / (1/4) = u / (1/2) * (v / (1/2)) by field.
  by rewrite ln_mult; [ring|apply: Rdiv_lt_0_compat; lra|apply: Rdiv_lt_0_compat; lra].
have E u v w : 0 <= u -> 0 <= v -> u * v * (w - alpha * ln (u * v / (1/4)))
    = u * v * w - alpha * (v * (u * ln (u / (1/2))) + u * (v * ln (v / (1/2)))).
  by move=> u0 v0; rewrite -(L u v u0 v0); ring.
by rewrite !E; try lra; rewrite /xor_objective /kl_half; ring.
Qed.

Lemma kl_half_ge0 p : 0 <= p <= 1 -> 0 <= kl_half p.
Proof.
move=> Hp; have A : p - 1/2 <= p * ln (p / (1/2)) by apply: gibbs_term; lra.
have B : 1 - p - 1/2 <= (1 - p) * ln ((1 - p) / (1/2)) by apply: gibbs_term; lra.
rewrite /kl_half; lra.
Qed.
Lemma kl_half_half : kl_half (1/2) = 0.
Proof.
have E1 : 1 - 1/2 = 1/2 by lra.
have E2 : 1/2 / (1/2) = 1 by field.
rewrite /kl_half E1 E2 ln_1; lra.
Qed.
Lemma kl_half_sym p : kl_half (1 - p) = kl_half p.
Proof. by rewrite /kl_half (_ : 1 - (1 - p) = p); [ring|ring]. Qed.

(* second order: kl_half (1/2 + e) <= 2 e^2 (1 + 2e)/(1 - 2e) *)
Lemma kl_half_le e : 0 < e < 1/2 -> kl_half (1/2 + e) * (1 - 2 * e) <= 2 * (e * e) * (1 + 2 * e).
Proof.
move=> He; set x := 2 * e; have x0 : 0 < x < 1 by rewrite /x; lra.
have -> : kl_half (1/2 + e) = (1 + x) / 2 * ln (1 + x) + (1 - x) / 2 * ln (1 - x).
  rewrite /kl_half (_ : (1/2 + e) / (1/2) = 1 + x); last by rewrite /x; field.
  rewrite (_ : (1 - (1/2 + e)) / (1/2) = 1 - x); last by rewrite /x; field.
  by rewrite /x; field.
have -> : (1 + x) / 2 * ln (1 + x) + (1 - x) / 2 * ln (1 - x)
        = / 2 * (ln (1 + x) + ln (1 - x)) + x / 2 * (ln (1 + x) - ln (1 - x)) by field.
have A : ln (1 + x) + ln (1 - x) <= - (x * x).
  rewrite -ln_mult; try lra; have := ln_le (y := (1 + x) * (1 - x)).
  move=> H; apply: Rle_trans (H _) _; last by right; ring.
  by apply: Rmult_lt_0_compat; lra.
have B : (ln (1 + x) - ln (1 - x)) * (1 - x) <= 2 * x.
  rewrite -ln_div; try lra.
  have := ln_le (y := (1 + x) / (1 - x)) => H.
  have {}H : ln ((1 + x) / (1 - x)) <= (1 + x) / (1 - x) - 1 by apply: H; apply: Rdiv_lt_0_compat; lra.
  have := Rmult_le_compat_r (1 - x) _ _ _ H.
  have -> : ((1 + x) / (1 - x) - 1) * (1 - x) = 2 * x by field; lra.
  by apply; lra.
have x1 : 0 <= 1 - x by lra.
have A' := Rmult_le_compat_r (1 - x) _ _ x1 A.
have B' := Rmult_le_compat_l x _ _ (Rlt_le _ _ (proj1 x0)) B.
rewrite (_ : e = x / 2) in He *; last by rewrite /x; field.
lra.
Qed.

(* uniform is a fixed point: neither agent can raise the objective alone (any alpha >= 0) ... *)
Theorem xor_uniform_is_blockwise_optimal : 0 <= alpha ->
  (forall p, 0 <= p <= 1 -> xor_objective p (1/2) <= xor_objective (1/2) (1/2)) /\
  (forall q, 0 <= q <= 1 -> xor_objective (1/2) q <= xor_objective (1/2) (1/2)).
Proof.
move=> a0; split=> p Hp; rewrite /xor_objective kl_half_half;
have : 0 <= alpha * kl_half p by [apply: Rmult_le_pos => //; exact: kl_half_ge0]; lra.
Qed.

(* ... and yet for alpha < 1/2 it is not a local maximum: moving both agents in opposite directions
   by any small e > 0 raises the objective *)
Theorem xor_uniform_is_not_a_local_maximum : 0 <= alpha < 1/2 ->
  forall e, 0 < e < (1 - 2 * alpha) / (2 * (1 + 2 * alpha)) ->
  xor_objective (1/2) (1/2) < xor_objective (1/2 + e) (1/2 - e).
Proof.
move=> Ha e [e0 eb].
have eb' : e * (2 * (1 + 2 * alpha)) < 1 - 2 * alpha.
  have -> : 1 - 2 * alpha = (1 - 2 * alpha) / (2 * (1 + 2 * alpha)) * (2 * (1 + 2 * alpha)) by field; lra.
  by apply: Rmult_lt_compat_r; lra.
have ae : 0 <= alpha * e by apply: Rmult_le_pos; lra.
have e2 : e < 1/2 by lra.
have K := kl_half_le (conj e0 e2).
have sym : kl_half (1/2 - e) = kl_half (1/2 + e).
  by rewrite -kl_half_sym; congr kl_half; lra.
rewrite /xor_objective kl_half_half sym.
have ee : 0 < e * e by apply: Rmult_lt_0_compat.
have aK := Rmult_le_compat_l alpha _ _ (proj1 Ha) K.
have key : alpha * (2 * (e * e) * (1 + 2 * e)) < (e * e) * (1 - 2 * e).
  have : (e * e) * (2 * alpha * (1 + 2 * e)) < (e * e) * (1 - 2 * e) by apply: Rmult_lt_compat_l; lra.
  lra.
have : alpha * kl_half (1/2 + e) < e * e.
  by apply: (Rmult_lt_reg_r (1 - 2 * e)); lra.
lra.
Qed.

(* in the other diagonal direction the objective falls, so the point is a saddle *)
Theorem xor_uniform_falls_along_the_diagonal : 0 <= alpha -> forall e, 0 < e <= 1/2 ->
  xor_objective (1/2 + e) (1/2 + e) < xor_objective (1/2) (1/2).
Proof.
move=> a0 e He; rewrite /xor_objective kl_half_half.
have k0 : 0 <= kl_half (1/2 + e) by apply: kl_half_ge0; lra.
have := Rmult_le_pos _ _ a0 k0; have : 0 < e * e by apply: Rmult_lt_0_compat; lra.
lra.
Qed.
End Saddle.

(* ---------- 4. Appendix D's r~ does not give one common value ---------- *)
Section AppendixReward.
(* one state; agent 1 is uniform, agent 2 deterministic *)
Let pi (i : bool) (_ : unit) (b : bool) : R := if i then (if b then 1 else 0) else 1/2.
Let d (_ : unit) : R := 1.
Let dD (_ : unit * two_agents) : R := 1/4.
Let value_with_appendix_reward r alpha (i : bool) : R :=
  \sum_(x : unit * two_agents) (agent_occupancy (A := bool_actions) pi d x.1 (x.2 i)
     * others_prob (A := bool_actions) pi i x.1 x.2
     * appendix_modified_reward (A := bool_actions) pi d r dD alpha i x).

Theorem appendix_reward_differs_between_agents r alpha : 0 < alpha ->
  value_with_appendix_reward r alpha agent1 - value_with_appendix_reward r alpha agent2 = alpha * ln 2.
Proof.
move=> a0.
have p1 j s : \sum_(b : bool) pi j s b = 1 by rewrite sum_bool /pi; case: j; lra.
have p0 j s b : 0 <= pi j s b by rewrite /pi; case: j; case: b; lra.
have d0 s : 0 <= d s by rewrite /d; lra.
have D0 x : 0 < dD x by rewrite /dD; lra.
rewrite /value_with_appendix_reward.
rewrite (@appendix_reward_gap _ _ bool_actions pi d r dD alpha p1 p0 d0 D0 false).
rewrite (@appendix_reward_gap _ _ bool_actions pi d r dD alpha p1 p0 d0 D0 true).
rewrite (lemma_4_1_common_value pi d r dD alpha false true); set common := objective_2 _ _ _ _ _ true.
rewrite /conditional_entropy !sum_unit !sum_bool /d /pi.
rewrite ln_1 (_ : 1 / 2 = / 2) ?ln_Rinv; [field|lra|lra].
Qed.
End AppendixReward.

(* ---------- 7. one w per (s, a_i), not per sample ---------- *)
(* two samples with the same (s, a_i) and e^ = 0, 1; alpha = 1: the true maximum of (12) over the
   shared w is 2 exp(-1/2), at w = exp(-1/2); plugging (13) per sample in gives 1 + exp(-1) *)
Theorem shared_weight_maximum : forall w, 0 <= w ->
  inner 1 0 w + inner 1 1 w <= inner 1 0 (exp (-(1/2))) + inner 1 1 (exp (-(1/2))).
Proof.
move=> w w0; have M e : 0 <= e -> inner 1 0 e + inner 1 1 e = 2 * inner 1 (1/2) e by rewrite /inner => _; field.
rewrite !M //; last by apply: Rlt_le; exact: exp_pos.
apply: Rmult_le_compat_l; first by lra.
have W : wstar 1 (1/2) = exp (-(1/2)) by rewrite /wstar; congr exp; field.
rewrite -W inner_wstar; last by lra.
by apply: proposition_3_1 => //; lra.
Qed.

Theorem per_sample_weights_overshoot :
  inner 1 0 (exp (-(1/2))) + inner 1 1 (exp (-(1/2))) = 2 * exp (-(1/2)) /\
  inner 1 0 (wstar 1 0) + inner 1 1 (wstar 1 1) = 1 + exp (-1) /\
  2 * exp (-(1/2)) < 1 + exp (-1).
Proof.
split; first by rewrite /inner ln_exp; field.
split.
  rewrite !inner_wstar; try lra.
  have E0 : 0 / 1 - 1 = -1 by lra.
  have E1 : 1 / 1 - 1 = 0 by lra.
  by rewrite /wstar E0 E1 exp_0; lra.
have -> : exp (-1) = exp (-(1/2)) * exp (-(1/2)) by rewrite -exp_plus; congr exp; field.
have : exp (-(1/2)) < exp 0 by apply: exp_increasing; lra.
rewrite exp_0 => h; have : 0 < (1 - exp (-(1/2))) * (1 - exp (-(1/2))) by apply: Rmult_lt_0_compat; lra.
lra.
Qed.

(* ---------- 8. alpha = 0 and ties, three agents ---------- *)
(* r = 0 if a_2 = 0, else +1 if a_1 = a_3, else -1.  (The reward is linear in each agent's mixed
   action, so the best pure responses below are best responses.) *)
Definition cycle_reward (a b c : bool) : R := if b then (if a == c then 1 else -1) else 0.
Definition is_best1 (a b c a' : bool) := forall z, cycle_reward z b c <= cycle_reward a' b c.
Definition is_best2 (a b c b' : bool) := forall z, cycle_reward a z c <= cycle_reward a b' c.
Definition is_best3 (a b c c' : bool) := forall z, cycle_reward a b z <= cycle_reward a b c'.

(* one round of exact best responses maps (a, 0, a) to (not a, 0, not a), for ever, at value 0,
   and at these points agent 2 could gain 1 *)
Theorem alpha_zero_cycle (a : bool) :
  is_best1 a false a (~~ a) /\ is_best2 (~~ a) false a false /\ is_best3 (~~ a) false a (~~ a) /\
  cycle_reward (~~ a) false (~~ a) = 0 /\ cycle_reward (~~ a) true (~~ a) = 1.
Proof.
rewrite /is_best1 /is_best2 /is_best3 /cycle_reward; repeat split; try by case=> /=; case: a => /=; lra.
by rewrite eqxx.
Qed.

(* ---------- 9. d^D = 0 somewhere: no policy of agent 1 is absolutely continuous ---------- *)
(* data {(0,1), (1,0)} of the XOR game; agent 2 mixes.  Whatever agent 1 plays, the joint policy
   charges an action outside the data, where log(d/d^D) is +infinity *)
Theorem no_feasible_response_off_the_data (q p : R) : 0 < q < 1 -> 0 <= p <= 1 ->
  exists a : two_agents, a false = a true
    /\ 0 < joint_prob (A := bool_actions) (fun (j : bool) (_ : unit) => coin (if j then q else p)) tt a.
Proof.
move=> Hq Hp; case: (Req_dec p 0) => [->|pn].
  by exists (play false false); rewrite joint_prob_two play1 play2 /coin; split=> //; lra.
exists (play true true); rewrite joint_prob_two play1 play2 /coin; split=> //.
by apply: Rmult_lt_0_compat; lra.
Qed.

(* ---------- 10. Lemmas E.3 and E.4 as printed ---------- *)
(* one state, one sample with r = 0, alpha = rho = 1, nu = 0: the printed equality condition
   rho mean exp(e^/alpha) = 1 holds, and L - L~ = 1/e, not 0 *)
Theorem printed_equality_condition_is_wrong :
  let st := fun _ : unit => tt in let c := fun _ : unit => 0 in let p0 := fun _ : unit => 1 in
  let nu := fun _ : unit => 0 in
  Z st st c 1 (1/2) 1 nu = 1 /\ L st st c p0 1 (1/2) 1 nu - L_tilde st st c p0 1 (1/2) 1 nu = 1 / exp 1.
Proof.
move=> st c p0 nu; set zz := Z _ _ _ _ _ _ _.
have H : zz = 1.
  rewrite /zz /Z /mean card_unit sum_unit /ehat /c /nu.
  have -> : (0 + 1 / 2 * 0 - 0) / 1 = 0 by lra.
  by rewrite exp_0 /=; lra.
split=> //; apply: printed_equality_gap => //; lra.
Qed.
