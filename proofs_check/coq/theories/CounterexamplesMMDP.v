(* Counterexamples, continued: parts 3, 5 and 6, in the definitions of the MMDP files. *)
From Coq Require Import Reals Lra.
From mathcomp Require Import all_ssreflect.
From AlberDICE Require Import RealSums Inequalities Limits Lemma41 DualObjective FrozenReward
  DualCertificate RegularisedLP ReducedMDP BlockAscent Occupancy StateValues Convergence Counterexamples.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Local Open Scope R_scope.

(* ---------- 3. an unreachable state ---------- *)
(* two absorbing states, p0 at the first, gamma = 1/2: no stationary distribution charges the second,
   and the dual of the regularised LP has no minimiser, whatever the rewards and the data *)
Section Unreachable.
Definition absorbing (x : bool * bool) (s' : bool) : R := if s' == x.1 then 1 else 0.
Definition start_false (s : bool) : R := if s then 0 else 1.

Lemma second_state_unreachable (d : bool * bool -> R) :
  flow_single absorbing start_false (1/2) d -> (forall x, 0 <= d x) -> forall b, d (true, b) = 0.
Proof.
move=> F d0; have := F true; rewrite sum_pairs !sum_bool /absorbing /start_false /=.
have := d0 (true, true); have := d0 (true, false); move=> h1 h2 h3 b.
have h4 : d (true, true) + d (true, false) = 0 by lra.
by case: b; lra.
Qed.

Theorem dual_infimum_not_attained (alpha : R) (q m : bool * bool -> R) :
  0 < alpha -> (forall x, 0 < m x) -> forall nu,
  ~ (forall nu', dual_objective absorbing start_false (1/2) alpha q m nu
                 <= dual_objective absorbing start_false (1/2) alpha q m nu').
Proof.
move=> a0 m0; apply: (dual_not_attained_if_unreachable a0 m0 (x1 := (true, true))).
- lra.
- by move=> x s; rewrite /absorbing; case: eqP => _; lra.
- by move=> d F d0; exact: second_state_unreachable.
Qed.
End Unreachable.

(* ---------- 5 and 6. Corollary B.2 in a one-state game of two agents ---------- *)
Section OneState.
Variables (dD reward : two_agents -> R) (partner : bool -> R) (alpha : R).
Let pi (j : bool) (_ : unit) (b : bool) : R := if j then partner b else 1/2.
Let P (_ : unit * two_agents) (_ : unit) : R := 1.
Let p0 (_ : unit) : R := 1.
Let r (x : unit * two_agents) : R := reward x.2.
Let D (x : unit * two_agents) : R := dD x.2.
Let nu (_ : unit) : R := 0.

(* L(nu, w_star) of (21)-(22) at nu = 0, for agent 1 *)
Definition one_state_exact : R :=
  dual_objective (reduced_kernel (A := bool_actions) (i := false) P pi) p0 (1/2) alpha
    (reduced_reward (A := bool_actions) (i := false) alpha r D pi)
    (data_marginal (A := bool_actions) (i := false) D) nu.
(* the population form of (14) at nu = 0, with the weights (11) *)
Definition one_state_14 : R :=
  sample_dual (A := bool_actions) false P p0 (1/2) alpha r D pi
    (importance_ratio (A := bool_actions) false D pi) nu.
(* the same with the weights printed in (23) *)
Definition one_state_23 : R :=
  sample_dual (A := bool_actions) false P p0 (1/2) alpha r D pi
    (printed_ratio (A := bool_actions) false D pi) nu.

(* d^D(a_1), rho(b, c) and pi^D(a_2) *)
Definition marg (b : bool) : R := dD (play b true) + dD (play b false).
Definition rho (b c : bool) : R := partner c / (dD (play b c) / marg b).
Definition rho23 (c : bool) : R :=
  partner c / ((dD (play true c) + dD (play false c)) / (marg true + marg false)).

Lemma marginal_eq b : data_marginal (A := bool_actions) (i := false) D (tt, b) = marg b.
Proof. by rewrite /data_marginal sum_play1. Qed.
Lemma ratio_eq b c : importance_ratio (A := bool_actions) false D pi (tt, play b c) = rho b c.
Proof.
by rewrite /importance_ratio /data_conditional others_prob_two /= play1 play2 marginal_eq.
Qed.
Lemma printed_eq b c : printed_ratio (A := bool_actions) false D pi (tt, play b c) = rho23 c.
Proof.
rewrite /printed_ratio /data_others_marginal others_prob_two /= play2 /rho23.
congr (_ / (_ / _)); last by rewrite sum_play /D /marg.
rewrite (eq_bigl (fun a : two_agents => a true == c)) => [|a]; last first.
  apply/forallP/eqP => [/(_ true) /=|E j]; first by rewrite play2 => /eqP.
  by apply/implyP; case: j => // _; rewrite play2 E.
by rewrite big_mkcond sum_play !play2 /D; case: c => /=; lra.
Qed.

Let arg (b c : bool) : R := reward (play b c) - alpha * ln (rho b c).

Lemma exact_eq : one_state_exact
  = alpha * (marg true * exp ((partner true * arg true true + partner false * arg true false) / alpha - 1)
           + marg false * exp ((partner true * arg false true + partner false * arg false false) / alpha - 1)).
Proof.
rewrite /one_state_exact /dual_objective sum_pairs !sum_unit sum_bool !marginal_eq /p0 /nu.
have E b : advantage (reduced_kernel (A := bool_actions) (i := false) P pi) (1/2)
   (reduced_reward (A := bool_actions) (i := false) alpha r D pi) nu (tt, b)
   = partner true * arg b true + partner false * arg b false.
  rewrite /advantage /reduced_reward sum_play1 !others_prob_two /= !play2 !ratio_eq sum_unit /nu /arg /r /=.
  by ring.
by rewrite !E; ring.
Qed.

Definition sample_formula (w : bool -> bool -> R) : R :=
  alpha * (dD (play true true) * (w true true * exp (arg true true / alpha - 1))
     + dD (play true false) * (w true false * exp (arg true false / alpha - 1))
     + (dD (play false true) * (w false true * exp (arg false true / alpha - 1))
        + dD (play false false) * (w false false * exp (arg false false / alpha - 1)))).
Lemma sample_eq (w : bool -> bool -> R) W : (forall b c, W (tt, play b c) = w b c) ->
  sample_dual (A := bool_actions) false P p0 (1/2) alpha r D pi W nu = sample_formula w.
Proof.
move=> H; rewrite /sample_formula; rewrite /sample_dual sum_pairs sum_unit sum_play !sum_unit !H /p0 /nu /P /D /=.
have E b c : sample_advantage (A := bool_actions) false (1/2) alpha r D pi nu (tt, play b c) tt = arg b c.
  by rewrite /sample_advantage ratio_eq /nu /arg /r /=; ring.
by rewrite !E; ring.
Qed.
Lemma eq_14 : one_state_14 = sample_formula rho. Proof. exact: sample_eq ratio_eq. Qed.
Lemma eq_23 : one_state_23 = sample_formula (fun _ => rho23). Proof. exact: sample_eq printed_eq. Qed.
End OneState.

(* 5: d^D uniform, partner uniform, alpha = 1/2, r = 1 iff both play 0: (14) strictly above *)
Definition reward_5 (a : two_agents) : R := if a false then 0 else if a true then 0 else 1.
Theorem corollary_B_2_strict :
  one_state_exact (fun _ => 1/4) reward_5 (fun _ => 1/2) (1/2)
  < one_state_14 (fun _ => 1/4) reward_5 (fun _ => 1/2) (1/2).
Proof.
have R1 b c : rho (fun _ => 1/4) (fun _ => 1/2) b c = 1 by rewrite /rho /marg; field.
rewrite exact_eq eq_14 /sample_formula.
rewrite !R1 ln_1 /marg /reward_5 !play1 !play2 /=.
rewrite (_ : (1/2 * (0 - 1/2 * 0) + 1/2 * (0 - 1/2 * 0)) / (1/2) - 1 = -1); last by field.
rewrite (_ : (1/2 * (0 - 1/2 * 0) + 1/2 * (1 - 1/2 * 0)) / (1/2) - 1 = 0); last by field.
rewrite (_ : (0 - 1/2 * 0) / (1/2) - 1 = -1); last by field.
rewrite (_ : (1 - 1/2 * 0) / (1/2) - 1 = 1); last by field.
rewrite exp_0; set u := exp (-1); have uv : exp 1 * u = 1 by rewrite /u -exp_plus Rplus_opp_r exp_0.
have e2 := @exp_gt 1; have u0 : 0 < u by exact: exp_pos.
have : 0 < (exp 1 - 1) * (exp 1 - 1) * u.
  by apply: Rmult_lt_0_compat => //; apply: Rmult_lt_0_compat; lra.
have -> : (exp 1 - 1) * (exp 1 - 1) * u = exp 1 * (exp 1 * u) - 2 * (exp 1 * u) + u by ring.
by rewrite uv; lra.
Qed.

(* 6: d^D = [[1/20, 9/20], [9/20, 1/20]], r = 3 iff a_1 = 0, partner plays 0, alpha = 1: with the
   weights of (23) the "upper bound" lies strictly BELOW the exact dual *)
Definition data_6 (a : two_agents) : R := if a false == a true then 1/20 else 9/20.
Definition reward_6 (a : two_agents) : R := if a false then 0 else 3.
Definition partner_6 (c : bool) : R := if c then 0 else 1.
Theorem printed_23_violates_corollary_B_2 :
  one_state_23 data_6 reward_6 partner_6 1 < one_state_exact data_6 reward_6 partner_6 1.
Proof.
have M b : marg data_6 b = 1/2 by rewrite /marg /data_6 !play1 !play2; case: b => /=; lra.
have Rt : rho data_6 partner_6 true false = 10/9 by rewrite /rho M /data_6 /partner_6 play1 play2 /=; field.
have Rf : rho data_6 partner_6 false false = 10 by rewrite /rho M /data_6 /partner_6 play1 play2 /=; field.
have Q1 : rho23 data_6 partner_6 true = 0 by rewrite /rho23 /partner_6 /Rdiv Rmult_0_l.
have Q0 : rho23 data_6 partner_6 false = 2.
  by rewrite /rho23 !M /data_6 /partner_6 !play1 !play2 /=; field.
rewrite exact_eq eq_23 /sample_formula.
rewrite Q0 Q1 !M Rt Rf /partner_6 /data_6 /reward_6 !play1 !play2 /=.
have E1 : exp ((0 - 1 * ln (10/9)) / 1 - 1) = 9/10 * exp (-1).
  rewrite (_ : (0 - 1 * ln (10/9)) / 1 - 1 = ln (9/10) + -1).
    by rewrite exp_plus exp_ln; lra.
  by rewrite !ln_div; lra.
have E2 : exp ((3 - 1 * ln 10) / 1 - 1) = 1/10 * exp 2.
  rewrite (_ : (3 - 1 * ln 10) / 1 - 1 = ln (1/10) + 2).
    by rewrite exp_plus exp_ln; lra.
  by rewrite ln_div ?ln_1; lra.
have Z u v : 0 * u + 1 * v = v by ring.
rewrite !Z E1 E2.
have e2 := @exp_gt (1/2); have h : exp 1 = exp (1/2) * exp (1/2) by rewrite -exp_plus; congr exp; field.
have e1 : 9/4 < exp 1.
  have : 3/2 * (3/2) < exp (1/2) * exp (1/2) by apply: Rmult_gt_0_lt_compat; lra.
  by rewrite -h; lra.
have h2 : exp 2 = exp 1 * exp 1 by rewrite -exp_plus; congr exp; lra.
have uv : exp 1 * exp (-1) = 1 by rewrite -exp_plus Rplus_opp_r exp_0.
have u0 : 0 < exp (-1) by exact: exp_pos.
have k1 : 81/16 < exp 1 * exp 1.
  have : 9/4 * (9/4) < exp 1 * exp 1 by apply: Rmult_gt_0_lt_compat; lra.
  lra.
have k2 : exp (-1) < 4/9.
  have : 9/4 * exp (-1) < exp 1 * exp (-1) by apply: Rmult_lt_compat_r.
  by rewrite uv; lra.
by rewrite h2; lra.
Qed.
