(* How far from the best: an upper bound on what ANY joint policy can reach, correlated ones included, from the joint problem's dual.

   With  w_nu = exp(e_nu/alpha - 1)  over JOINT actions and  D(nu) = alpha \sum d^D w_nu + (1 - gamma) p_0 nu,
       D(nu) - J(d) = alpha \sum ( d ln(d / (d^D w_nu)) - d + d^D w_nu )  >=  0       for every occupancy d and every nu:
   the gap IS alpha times a (generalised) divergence.  At the minimising nu, d^D w_nu is the joint optimum d*, and the gap of a factorised
   policy is alpha KL(d_pi || d_joint): the price of factorisation is alpha times the distance of the joint optimum from the products, and
   0 only if the optimum is one.  At alpha = 0 the bound is (1 - gamma) p_0 V for every V >= r + gamma P V. *)
From Coq Require Import Reals Lra.
From mathcomp Require Import all_ssreflect.
From AlberDICE Require Import RealSums Inequalities Limits Lemma41 DualObjective FrozenReward DualCertificate RegularisedLP BlockAscent
  Occupancy Counterexamples.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Local Open Scope R_scope.

(* the divergence of nonnegative vectors of any mass *)
Definition generalised_KL (T : finType) (p q : T -> R) : R := \sum_x (p x * ln (p x / q x) - p x + q x).

Section Joint.
Variables (I S : finType) (A : I -> finType) (G : mmdp S A) (alpha : R).
Hypothesis alpha0 : 0 < alpha.
Notation JA := (joint_action A).
Notation SJA := (S * JA)%type.
Notation P := (transition G).
Notation p0 := (initial G).
Notation gamma := (discount G).
Notation r := (reward G).
Notation dD := (data G).
Notation J := (joint_objective alpha r dD).
Notation D := (dual_objective (A := [finType of JA]) P p0 gamma alpha r dD).
Notation adv := (advantage (A := [finType of JA]) P gamma r).
(* d^D w_nu *)
Definition joint_weights (nu : S -> R) (x : SJA) : R := dD x * exp (adv nu x / alpha - 1).

Lemma joint_weights_gt0 nu x : 0 < joint_weights nu x.
Proof. by apply: Rmult_lt_0_compat; [exact: data_gt0|exact: exp_pos]. Qed.

(* the gap of any occupancy d(s,a), factorised or not, at any nu *)
Theorem joint_dual_gap nu d : flow P p0 gamma d -> (forall x, 0 <= d x) ->
  D nu - J d = alpha * generalised_KL d (joint_weights nu).
Proof.
move=> F d0; rewrite /joint_objective (lagrangian (A := [finType of JA]) alpha r (data_gt0 G) nu F d0).
rewrite /dual_objective -[alpha * \sum_x _]sum_scal.
have -> : forall a b c, a + c - (b + c) = a - b by move=> a b c; ring.
rewrite -sum_sub /generalised_KL -sum_scal; apply: eq_bigr => x _.
have m0 := data_gt0 G x; have w0 := exp_pos (adv nu x / alpha - 1).
case: (Req_dec (d x) 0) => [->|dn].
  by rewrite /inner /joint_weights /Rdiv !Rmult_0_l; ring.
have dp : 0 < d x by have := d0 x; lra.
have h : ln (d x / joint_weights nu x) = ln (d x / dD x) - (adv nu x / alpha - 1).
  by rewrite /joint_weights !ln_div // ?ln_mult ?ln_exp //; [ring|exact: Rmult_lt_0_compat].
by rewrite h /inner /joint_weights; field; lra.
Qed.

Lemma generalised_KL_ge0 (p q : SJA -> R) : (forall x, 0 <= p x) -> (forall x, 0 < q x) -> 0 <= generalised_KL p q.
Proof. by move=> p_0 q_0; apply: sum_ge0 => x _; have := gibbs_term (p_0 x) (q_0 x); lra. Qed.

(* no joint policy, factorised or not, is above the joint dual, whatever nu *)
Theorem joint_dual_bounds_every_occupancy nu d : flow P p0 gamma d -> (forall x, 0 <= d x) -> J d <= D nu.
Proof.
move=> F d0; have := joint_dual_gap nu F d0.
have := Rmult_le_pos _ _ (Rlt_le _ _ alpha0) (generalised_KL_ge0 d0 (joint_weights_gt0 nu)); lra.
Qed.
Theorem joint_dual_bounds_every_policy nu (x : joint_policy S A) : common_objective G alpha x <= D nu.
Proof.
by apply: joint_dual_bounds_every_occupancy; [exact: joint_occupancy_flow|move=> y; exact: joint_occupancy_ge0].
Qed.
(* a policy that meets the bound at some nu is the best of all joint policies *)
Corollary no_gap_is_optimal nu (x : joint_policy S A) : common_objective G alpha x = D nu ->
  forall d, flow P p0 gamma d -> (forall y, 0 <= d y) -> J d <= common_objective G alpha x.
Proof. by move=> -> d; exact: joint_dual_bounds_every_occupancy. Qed.

(* the plain return is within alpha ln(1/min d^D) of the bound *)
Theorem joint_dual_bounds_the_return nu low d : 0 < low -> (forall y, low <= dD y) ->
  flow P p0 gamma d -> (forall x, 0 <= d x) -> linear_return r d <= D nu + alpha * ln (/ low).
Proof.
move=> l0 lo F d0; have mass := flow_mass (transition_sum1 G) (initial_sum1 G) (discount_lt1 G) F.
have B := joint_dual_bounds_every_occupancy nu F d0.
have K : KL d dD <= ln (/ low).
  have -> : ln (/ low) = \sum_(y : SJA) (d y * ln (/ low)) by rewrite sum_scalr mass; ring.
  apply: sum_le => y _; case: (Req_dec (d y) 0) => [->|dn]; first by rewrite !Rmult_0_l; exact: Rle_refl.
  have dp : 0 < d y by have := d0 y; lra.
  have d1 : d y <= 1 by rewrite -mass; exact: sum_ge_term.
  apply: Rmult_le_compat_l; first by lra.
  have b : d y / dD y <= / low.
    apply: (Rle_trans _ (1 / dD y)); last by rewrite /Rdiv Rmult_1_l; exact: Rinv_le_contravar.
    by apply: Rmult_le_compat_r => //; apply: Rlt_le; apply: Rinv_0_lt_compat; exact: data_gt0.
  case: (Rle_lt_or_eq_dec _ _ b) => [lt|->]; last exact: Rle_refl.
  by apply: Rlt_le; apply: ln_increasing => //; apply: Rdiv_lt_0_compat => //; exact: data_gt0.
have := Rmult_le_compat_l alpha _ _ (Rlt_le _ _ alpha0) K.
move: B; rewrite /joint_objective /regularised -/(linear_return r d); lra.
Qed.

(* ---------- what the gap means ---------- *)
(* at a certified nu the gap is alpha KL to the joint optimum *)
Theorem gap_is_the_divergence_from_the_optimum nu d : flow P p0 gamma (joint_weights nu) -> flow P p0 gamma d -> (forall x, 0 <= d x) ->
  J (joint_weights nu) = D nu /\ D nu - J d = alpha * KL d (joint_weights nu).
Proof.
move=> W F d0; split.
  have [E _] := certificate (A := [finType of JA]) alpha0 (data_gt0 G) W.
  exact: E.
rewrite (joint_dual_gap nu F d0); congr (_ * _).
have m1 := flow_mass (transition_sum1 G) (initial_sum1 G) (discount_lt1 G) F.
have m2 := flow_mass (transition_sum1 G) (initial_sum1 G) (discount_lt1 G) W.
rewrite /generalised_KL sum_add sum_sub -/(KL d (joint_weights nu)) m1 m2; ring.
Qed.

(* no gap iff the policy's occupancy is the joint optimum *)
Theorem no_gap_iff_joint_optimum nu d : flow P p0 gamma d -> (forall x, 0 <= d x) ->
  J d = D nu <-> forall x, d x = joint_weights nu x.
Proof.
move=> F d0; have G0 := joint_dual_gap nu F d0; split=> [E x|E]; last first.
  have Z : generalised_KL d (joint_weights nu) = 0.
    apply: big1 => x _; rewrite E; have w0 := joint_weights_gt0 nu x.
    have -> : joint_weights nu x / joint_weights nu x = 1 by field; lra.
    by rewrite ln_1; ring.
  by rewrite Z in G0; lra.
have Z : generalised_KL d (joint_weights nu) = 0.
  by apply: (Rmult_eq_reg_l alpha); [rewrite -G0 E; ring|lra].
have T y : 0 <= d y * ln (d y / joint_weights nu y) - d y + joint_weights nu y.
  by have := gibbs_term (d0 y) (joint_weights_gt0 nu y); lra.
have := sum_eq0 T Z x; have w0 := joint_weights_gt0 nu x.
case: (Req_dec (d x) 0) => [->|dn]; first by rewrite Rmult_0_l; lra.
have dp : 0 < d x by have := d0 x; lra.
case: (Req_dec (joint_weights nu x / d x) 1) => [D1 _|D1 Eq].
  have -> : joint_weights nu x = joint_weights nu x / d x * d x by field; lra.
  by rewrite D1; ring.
have L := ln_lt (Rdiv_lt_0_compat _ _ w0 dp) D1.
have LL := Rmult_lt_compat_l (d x) _ _ dp L.
have E1 : d x * (joint_weights nu x / d x - 1) = joint_weights nu x - d x by field; lra.
have E2 : d x * ln (d x / joint_weights nu x) = - (d x * ln (joint_weights nu x / d x)) by rewrite !ln_div //; ring.
lra.
Qed.
End Joint.

(* the plain return, alpha = 0: any V with V(s) >= r(s,a) + gamma \sum P V for all (s,a) *)
Theorem value_bounds_every_return (I S : finType) (A : I -> finType) (G : mmdp S A) (V : S -> R) (d : S * joint_action A -> R) :
  (forall x, reward G x + discount G * (\sum_s' (transition G x s' * V s')) <= V x.1) ->
  flow (transition G) (initial G) (discount G) d -> (forall x, 0 <= d x) ->
  linear_return (reward G) d <= (1 - discount G) * (\sum_s (initial G s * V s)).
Proof.
move=> super F d0; have L := lagrangian (A := [finType of joint_action A]) 0 (reward G) (data_gt0 G) V F d0.
have -> : linear_return (reward G) d = regularised (reward G) (data G) 0 d.
  by rewrite /regularised /linear_return; ring.
rewrite L -[X in _ <= X]Rplus_0_l; apply: Rplus_le_compat_r.
apply: (Rle_trans _ (\sum_(x : S * joint_action A) 0)); last by rewrite sum_const Rmult_0_r; exact: Rle_refl.
apply: sum_le => x _; rewrite /inner Rmult_0_l Rminus_0_r -Rmult_assoc.
have a0 : advantage (A := [finType of joint_action A]) (transition G) (discount G) (reward G) V x <= 0.
  by apply: Rle_minus; exact: super.
have w0 : 0 <= data G x * (d x / data G x).
  apply: Rmult_le_pos; first by have := data_gt0 G x; lra.
  by apply: Rmult_le_pos => //; have := Rinv_0_lt_compat _ (data_gt0 G x); lra.
by have := Rmult_le_compat_l _ _ _ w0 a0; rewrite Rmult_0_r.
Qed.

(* ---------- the price of factorisation, exactly: XOR with d^D = 1/4 ---------- *)
Section XorPrice.
Variable alpha : R.
Hypothesis alpha0 : 0 < alpha.
(* the objective of a correlated policy q over joint actions, and its best value *)
Definition xor_joint_objective (q : two_agents -> R) : R :=
  \sum_a (q a * (if a false == a true then 0 else 1)) - alpha * KL q (fun _ => 1/4).
Definition xor_joint_optimum : R := alpha * ln ((1 + exp (/ alpha)) / 2).
Definition xor_joint_policy (a : two_agents) : R :=
  (if a false == a true then 1 else exp (/ alpha)) / (2 * (1 + exp (/ alpha))).

Lemma xor_gap q : (forall a, 0 <= q a) -> \sum_a q a = 1 ->
  xor_joint_optimum - xor_joint_objective q = alpha * KL q xor_joint_policy.
Proof.
move=> q0 q1; have e0 := exp_pos (/ alpha).
rewrite /xor_joint_objective /KL -sum_scal -sum_sub -sum_scal.
have -> : xor_joint_optimum = \sum_a (q a * xor_joint_optimum) by rewrite sum_scalr q1; ring.
rewrite -sum_sub; apply: eq_bigr => a _.
case: (Req_dec (q a) 0) => [->|qn]; first by rewrite !Rmult_0_l; ring.
have qp : 0 < q a by have := q0 a; lra.
have den : 0 < 2 * (1 + exp (/ alpha)) by lra.
have l4 : ln 4 = 2 * ln 2 by rewrite (_ : 4 = 2 * 2) ?ln_mult; lra.
have h1 : ln (q a / (1/4)) = ln (q a) + 2 * ln 2 by have -> : q a / (1/4) = q a * 4 by [field]; rewrite ln_mult ?l4; lra.
have h2 : ln ((1 + exp (/ alpha)) / 2) = ln (1 + exp (/ alpha)) - ln 2 by rewrite ln_div; lra.
have h3 v : 0 < v -> ln (q a / (v / (2 * (1 + exp (/ alpha))))) = ln (q a) - ln v + ln 2 + ln (1 + exp (/ alpha)).
  move=> v0; rewrite ln_div //; last exact: Rdiv_lt_0_compat.
  by rewrite ln_div // ln_mult; lra.
rewrite /xor_joint_optimum /xor_joint_policy h1 h2; case: (a false == a true).
  by rewrite h3 ?ln_1; [ring|lra].
by rewrite h3 // ln_exp; field; lra.
Qed.

Theorem xor_joint_optimum_is_the_maximum : (forall a, 0 <= xor_joint_policy a) /\ \sum_a xor_joint_policy a = 1 /\
  xor_joint_objective xor_joint_policy = xor_joint_optimum /\
  (forall q, (forall a, 0 <= q a) -> \sum_a q a = 1 -> xor_joint_objective q <= xor_joint_optimum).
Proof.
have e0 := exp_pos (/ alpha); have den : 0 < 2 * (1 + exp (/ alpha)) by lra.
have pos a : 0 < xor_joint_policy a by rewrite /xor_joint_policy; case: ifP => _; apply: Rdiv_lt_0_compat; lra.
have one : \sum_a xor_joint_policy a = 1.
  by rewrite sum_play /xor_joint_policy !play1 !play2 /=; field; lra.
have nn a : 0 <= xor_joint_policy a by have := pos a; lra.
split=> //; split=> //; split.
  have := xor_gap nn one; rewrite [KL _ _]big1 => [|a _]; first by lra.
  by rewrite (_ : xor_joint_policy a / xor_joint_policy a = 1) ?ln_1; [ring|field; have := pos a; lra].
move=> q q0 q1; have := xor_gap q0 q1.
have : 0 <= KL q xor_joint_policy.
  have -> : 0 = \sum_a (q a - xor_joint_policy a) by rewrite sum_sub q1 one; lra.
  by apply: sum_le => a _; exact: gibbs_term.
by move/(Rmult_le_compat_l alpha _ _ (Rlt_le _ _ alpha0)); lra.
Qed.

(* for alpha >= 1/2 the best factorised value is 1/2, at uniform policies: the price is alpha ln cosh(1/(2 alpha)) > 0, exactly *)
Lemma kl_half_ge p : 0 <= p <= 1 -> 2 * ((p - 1/2) * (p - 1/2)) <= kl_half p.
Proof.
move=> Hp; pose f y := kl_half y - 2 * ((y - 1/2) * (y - 1/2)).
suff H : forall q, 1/2 <= q <= 1 -> 0 <= f q.
  case: (Rle_lt_dec (1/2) p) => h; first by have := H p; rewrite /f; lra.
  have E : 1 - p - 1/2 = - (p - 1/2) by lra.
  by have := H (1 - p); rewrite /f kl_half_sym E Rmult_opp_opp; lra.
move=> q Hq; case: (Req_dec q (1/2)) => [->|qn]; first by rewrite /f kl_half_half; lra.
case: (Req_dec q 1) => [->|q1].
  have E0 : 1 - 1 = 0 by ring.
  have E2 : 1 / (1/2) = 2 by field.
  rewrite /f /kl_half E0 E2 Rmult_0_l. (* ln 2 >= 1/2, from ln (1/2) <= -1/2 *)
  by have := @ln_le (/ 2); rewrite ln_Rinv; lra.
pose x := 2 * q - 1; have x0 : 0 < x < 1 by rewrite /x; lra.
(* kl_half = ((1+x) ln(1+x) + (1-x) ln(1-x))/2 =: g(x); g' = (ln(1+x) - ln(1-x))/2 >= x *)
pose g y := (1 + y) * ln (1 + y) + (1 - y) * ln (1 - y) - y * y.
have E : f q = g x / 2.
  rewrite /f /g /kl_half /x (_ : q / (1/2) = 1 + (2 * q - 1)); last by field.
  rewrite (_ : (1 - q) / (1/2) = 1 - (2 * q - 1)); last by field.
  field.
rewrite E; suff : g 0 <= g x by rewrite /g Rplus_0_r Rminus_0_r ln_1; lra.
have D y : 0 <= y <= x -> derivable_pt_lim g y (ln (1 + y) - ln (1 - y) - 2 * y).
  move=> Hy; rewrite /g.
  have d1 : derivable_pt_lim (fun z => 1 + z) y 1.
    by rewrite -[X in derivable_pt_lim _ _ X]Rplus_0_l; apply: derivable_pt_lim_plus; [exact: derivable_pt_lim_const|exact: derivable_pt_lim_id].
  have d2 : derivable_pt_lim (fun z => 1 - z) y (-1).
    have -> : -1 = 0 - 1 by ring.
    by apply: derivable_pt_lim_minus; [exact: derivable_pt_lim_const|exact: derivable_pt_lim_id].
  have l1 : derivable_pt_lim (fun z => ln (1 + z)) y (/ (1 + y) * 1).
    by apply: (derivable_pt_lim_comp (fun z => 1 + z) ln) => //; apply: derivable_pt_lim_ln; lra.
  have l2 : derivable_pt_lim (fun z => ln (1 - z)) y (/ (1 - y) * -1).
    by apply: (derivable_pt_lim_comp (fun z => 1 - z) ln) => //; apply: derivable_pt_lim_ln; lra.
  have m1 := derivable_pt_lim_mult _ _ _ _ _ d1 l1; have m2 := derivable_pt_lim_mult _ _ _ _ _ d2 l2.
  have sq := derivable_pt_lim_mult _ _ _ _ _ (derivable_pt_lim_id y) (derivable_pt_lim_id y).
  have -> : ln (1 + y) - ln (1 - y) - 2 * y = 1 * ln (1 + y) + (1 + y) * (/ (1 + y) * 1)
      + (-1 * ln (1 - y) + (1 - y) * (/ (1 - y) * -1)) - (1 * id y + id y * 1) by rewrite /id; field; lra.
  exact: derivable_pt_lim_minus (derivable_pt_lim_plus _ _ _ _ _ m1 m2) sq.
have [c [Ec Hc]] := MVT_cor2 g (fun y => ln (1 + y) - ln (1 - y) - 2 * y) 0 x (proj1 x0) D.
have slope : 0 <= ln (1 + c) - ln (1 - c) - 2 * c.
  pose h y := ln (1 + y) - ln (1 - y) - 2 * y.
  have Dh y : 0 <= y <= c -> derivable_pt_lim h y (/ (1 + y) + / (1 - y) - 2).
    move=> Hy; rewrite /h.
    have d1 : derivable_pt_lim (fun z => 1 + z) y 1.
      by rewrite -[X in derivable_pt_lim _ _ X]Rplus_0_l; apply: derivable_pt_lim_plus; [exact: derivable_pt_lim_const|exact: derivable_pt_lim_id].
    have d2 : derivable_pt_lim (fun z => 1 - z) y (-1).
      have -> : -1 = 0 - 1 by ring.
      by apply: derivable_pt_lim_minus; [exact: derivable_pt_lim_const|exact: derivable_pt_lim_id].
    have l1 : derivable_pt_lim (fun z => ln (1 + z)) y (/ (1 + y) * 1).
      by apply: (derivable_pt_lim_comp (fun z => 1 + z) ln) => //; apply: derivable_pt_lim_ln; lra.
    have l2 : derivable_pt_lim (fun z => ln (1 - z)) y (/ (1 - y) * -1).
      by apply: (derivable_pt_lim_comp (fun z => 1 - z) ln) => //; apply: derivable_pt_lim_ln; lra.
    have l3 := derivable_pt_lim_scal id 2 y 1 (derivable_pt_lim_id y).
    have -> : / (1 + y) + / (1 - y) - 2 = / (1 + y) * 1 - / (1 - y) * -1 - 2 * 1 by ring.
    exact: derivable_pt_lim_minus (derivable_pt_lim_minus _ _ _ _ _ l1 l2) l3.
  have [e [Ee He]] := MVT_cor2 h (fun y => / (1 + y) + / (1 - y) - 2) 0 c (proj1 Hc) Dh.
  have h0 : h 0 = 0 by rewrite /h Rplus_0_r Rminus_0_r; ring.
  have : 0 <= (/ (1 + e) + / (1 - e) - 2) * (c - 0).
    apply: Rmult_le_pos; last by lra.
    have -> : / (1 + e) + / (1 - e) - 2 = 2 * (e * e) / ((1 + e) * (1 - e)) by field; lra.
    apply: Rmult_le_pos; first by have := Rle_0_sqr e; rewrite /Rsqr; lra.
    by apply: Rlt_le; apply: Rinv_0_lt_compat; apply: Rmult_lt_0_compat; lra.
  by rewrite -Ee h0 /h; lra.
have := Rmult_le_pos _ _ slope (Rlt_le _ _ (proj1 x0)); rewrite -[X in 0 <= _ * X]Rminus_0_r -Ec; lra.
Qed.

Theorem xor_best_factorised p q : 1/2 <= alpha -> 0 <= p <= 1 -> 0 <= q <= 1 -> xor_objective alpha p q <= xor_objective alpha (1/2) (1/2).
Proof.
move=> ah Hp Hq; rewrite /xor_objective kl_half_half.
have kp := kl_half_ge Hp; have kq := kl_half_ge Hq.
set x := p - 1/2 in kp; set y := q - 1/2 in kq.
have sum0 : 0 <= kl_half p + kl_half q by have := Rle_0_sqr x; have := Rle_0_sqr y; rewrite /Rsqr; lra.
have A : 1/2 * (kl_half p + kl_half q) <= alpha * (kl_half p + kl_half q) by apply: Rmult_le_compat_r.
have sq : 0 <= (x + y) * (x + y) by exact: Rle_0_sqr.
have : p * (1 - q) + (1 - p) * q = 1/2 - 2 * (x * y) by rewrite /x /y; field.
lra.
Qed.

Theorem xor_price_of_factorisation : 1/2 <= alpha ->
  xor_joint_optimum - xor_objective alpha (1/2) (1/2) = alpha * ln (cosh (/ (2 * alpha))) /\
  0 < xor_joint_optimum - xor_objective alpha (1/2) (1/2).
Proof.
move=> _; set h := / (2 * alpha).
have E : exp (/ alpha) = exp h * exp h by rewrite -exp_plus /h; congr exp; field; lra.
have eh := exp_pos h; have em := exp_pos (- h).
have inv : exp h * exp (- h) = 1 by rewrite -exp_plus Rplus_opp_r exp_0.
have c0 : 0 < cosh h by rewrite /cosh; lra.
have V : xor_objective alpha (1/2) (1/2) = 1/2 by rewrite /xor_objective kl_half_half; field.
have K : (1 + exp (/ alpha)) / 2 = exp h * cosh h by rewrite E /cosh -inv; field.
have O : xor_joint_optimum = 1/2 + alpha * ln (cosh h).
  rewrite /xor_joint_optimum K ln_mult // ln_exp /h; field; lra.
split; first by rewrite V O; ring.
have gt1 : 1 < cosh h.
  have hn : h <> 0 by apply: Rinv_neq_0_compat; lra.
  by rewrite /cosh; have := exp_gt hn; have := @exp_gt (- h) (Ropp_neq_0_compat _ hn); lra.
have : 0 < ln (cosh h) by rewrite -ln_1; apply: ln_increasing; lra.
by move/(Rmult_lt_0_compat alpha _ alpha0); rewrite V O; lra.
Qed.
End XorPrice.
