(* Linear rates.

   1. One state, two agents, any action sets, d^D > 0: the best response to q is softmax(theta_q / alpha), theta_q(a) = \sum_b q(b) Q(a,b),
      Q = r + alpha ln d^D.  With the interaction  K >= |Q(a,b) - Q(a',b) - Q(a,b') + Q(a',b')|,
          || BR(q) - BR(q') ||_1  <=  K/(4 alpha) || q - q' ||_1.
      So for alpha > K/4 the Nash policy is unique and a run in turns converges to it from everywhere, each round by the factor (K/(4 alpha))^2.
      For XOR K = 2: the factor is 1/(4 alpha^2), which is the local rate at the uniform policy exactly.
   2. Any number of agents and states, alpha > 0: where the values of a run converge geometrically, with factor k, the occupancies do, with
      factor sqrt k.  (At a strict maximum with a negative definite Hessian they do; that step is calculus and is not in this file.) *)
From Coq Require Import Reals Lra Arith FunctionalExtensionality.
From mathcomp Require Import all_ssreflect.
From AlberDICE Require Import RealSums Inequalities Limits Lemma41 FrozenReward RegularisedLP BlockAscent Occupancy StateValues Convergence
  ExactGain Extraction.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Local Open Scope R_scope.

(* ---------- tanh y <= y, in the form that is used ---------- *)
Lemma tanh_le (z : R) : 0 <= z -> 1 - exp (- z) <= z / 2 * (1 + exp (- z)).
Proof.
move=> z0; have ez := exp_pos z; have inv : exp z * exp (- z) = 1 by rewrite -exp_plus Rplus_opp_r exp_0.
pose f y := y / 2 * (exp y + 1) - exp y.
suff H : f 0 <= f z.
  apply: (Rmult_le_reg_l (exp z)) => //; move: H; rewrite /f exp_0.
  have -> : exp z * (1 - exp (- z)) = exp z - exp z * exp (- z) by ring.
  have -> : exp z * (z / 2 * (1 + exp (- z))) = z / 2 * (exp z + exp z * exp (- z)) by ring.
  by rewrite inv; lra.
case: (Req_dec z 0) => [->|zn]; first exact: Rle_refl.
have zp : 0 < z by lra.
have D y : 0 <= y <= z -> derivable_pt_lim f y (/ 2 * (exp y + 1) + y / 2 * exp y - exp y).
  move=> _; rewrite /f.
  have d1 : derivable_pt_lim (fun y => y / 2) y (/ 2).
    have := derivable_pt_lim_mult _ (fun _ => / 2) y 1 0 (derivable_pt_lim_id y) (derivable_pt_lim_const (/ 2) y).
    by rewrite Rmult_0_r Rplus_0_r Rmult_1_l.
  have d2 : derivable_pt_lim (fun y => exp y + 1) y (exp y).
    rewrite -[X in derivable_pt_lim _ _ X]Rplus_0_r.
    by apply: derivable_pt_lim_plus; [exact: derivable_pt_lim_exp|exact: derivable_pt_lim_const].
  exact: derivable_pt_lim_minus (derivable_pt_lim_mult _ _ _ _ _ d1 d2) (derivable_pt_lim_exp y).
have [c [Ec Hc]] := MVT_cor2 f (fun y => / 2 * (exp y + 1) + y / 2 * exp y - exp y) 0 z zp D.
have : 0 <= (/ 2 * (exp c + 1) + c / 2 * exp c - exp c) * (z - 0).
  apply: Rmult_le_pos; last by lra.
  have K := exp_ge (- c); have ec := exp_pos c; have i : exp c * exp (- c) = 1 by rewrite -exp_plus Rplus_opp_r exp_0.
  have := Rmult_le_compat_l (exp c) _ _ (Rlt_le _ _ ec) K; rewrite i; lra.
lra.
Qed.

Definition l1 (T : finType) (p q : T -> R) : R := \sum_x Rabs (p x - q x).

Section Softmax.
Variable A : finType.
Definition softmax (theta : A -> R) (a : A) : R := exp (theta a) / \sum_b exp (theta b).
Hypothesis A0 : (0 < #|A|)%nat.
Lemma partition_gt0 (theta : A -> R) : 0 < \sum_b exp (theta b).
Proof. by case/card_gt0P: A0 => a _; apply: (@sum_gt0 _ _ a) => [b|]; [apply: Rlt_le|]; exact: exp_pos. Qed.
Lemma softmax_gt0 theta a : 0 < softmax theta a.
Proof. by apply: Rdiv_lt_0_compat; [exact: exp_pos|exact: partition_gt0]. Qed.
Lemma softmax_sum1 theta : \sum_a softmax theta a = 1.
Proof. by rewrite /softmax /Rdiv sum_scalr; apply: Rinv_r; apply: Rgt_not_eq; exact: partition_gt0. Qed.

(* two softmaxes whose logits differ by a function of oscillation at most o are within o/2 in the 1-norm *)
Theorem softmax_lipschitz (theta theta' : A -> R) o : 0 <= o ->
  (forall a a', (theta a - theta' a) - (theta a' - theta' a') <= o) -> l1 (softmax theta) (softmax theta') <= o / 2.
Proof.
move=> o0 osc; set p := softmax theta; set p' := softmax theta'.
pose U a : bool := Rle_dec (p' a) (p a).
pose u := \sum_(a | U a) p a; pose v := \sum_(a | U a) p' a.
have ind (f : A -> R) : \sum_a f a = \sum_(a | U a) f a + \sum_(a | ~~ U a) f a by exact: bigID.
have u' : \sum_(a | ~~ U a) p a = 1 - u by have := ind p; rewrite softmax_sum1 -/u; lra.
have v' : \sum_(a | ~~ U a) p' a = 1 - v by have := ind p'; rewrite softmax_sum1 -/v; lra.
have pp a : 0 <= p a by apply: Rlt_le; exact: softmax_gt0.
have pp' a : 0 <= p' a by apply: Rlt_le; exact: softmax_gt0.
have u0 : 0 <= u by apply: sum_ge0.
have u1 : 0 <= 1 - u by rewrite -u'; apply: sum_ge0.
have v0 : 0 <= v by apply: sum_ge0.
have v1 : 0 <= 1 - v by rewrite -v'; apply: sum_ge0.
have dist : l1 p p' = 2 * (u - v).
  rewrite /l1 ind (eq_bigr (fun a => p a - p' a)) => [|a]; last first.
    by rewrite /U; case: Rle_dec => // h _; rewrite Rabs_pos_eq //; lra.
  rewrite [X in _ + X](eq_bigr (fun a => p' a - p a)) => [|a]; last first.
    by rewrite /U; case: Rle_dec => // h _; rewrite Rabs_left //; lra.
  by rewrite !sum_sub u' v' -/u -/v; ring.
set E := exp (- o); have E0 : 0 < E by exact: exp_pos.
have pair a a' : E * (p a * p' a') <= p' a * p a'.
  rewrite /p /p' /softmax; set Z := \sum_b exp (theta b); set Z' := \sum_b exp (theta' b).
  have z0 : 0 < Z by exact: partition_gt0.
  have z0' : 0 < Z' by exact: partition_gt0.
  have -> : E * (exp (theta a) / Z * (exp (theta' a') / Z')) = exp (- o + theta a + theta' a') * (/ Z * / Z').
    by rewrite !exp_plus /E /Rdiv; ring.
  have -> : exp (theta' a) / Z' * (exp (theta a') / Z) = exp (theta' a + theta a') * (/ Z * / Z').
    by rewrite exp_plus /Rdiv; ring.
  apply: Rmult_le_compat_r; first by apply: Rmult_le_pos; apply: Rlt_le; exact: Rinv_0_lt_compat.
  have : - o + theta a + theta' a' <= theta' a + theta a' by have := osc a a'; lra.
  by case/Rle_lt_or_eq_dec => [lt|->]; [apply: Rlt_le; exact: exp_increasing|exact: Rle_refl].
have odds : E * (u * (1 - v)) <= v * (1 - u).
  rewrite -u' -v' /u /v -!sum_scalr -sum_scal; apply: sum_le => a _.
  by rewrite -!sum_scal; apply: sum_le => a' _; exact: pair.
set s := exp (- (o / 2)); have s0 : 0 < s by exact: exp_pos.
have Es : E = s * s by rewrite /E /s -exp_plus; congr exp; field.
have half : (u - v) * (1 + s) <= 1 - s.
  have s1 : s <= 1.
    rewrite /s -exp_0; case: (Req_dec o 0) => [->|on]; first by right; congr exp; lra.
    by apply: Rlt_le; apply: exp_increasing; lra.
  pose den := 1 - u + E * u.
  have den0 : 0 < den.
    rewrite /den; case: (Req_dec u 1) => [->|un]; first by lra.
    by have := Rmult_le_pos _ _ (Rlt_le _ _ E0) u0; lra.
  have a1 : (u - v) * den <= u * (1 - u) * (1 - E) by rewrite /den; lra.
  have a2 : u * (1 - u) * ((1 + s) * (1 + s)) <= den.
    by have := Rle_0_sqr (u * s - (1 - u)); rewrite /den Es /Rsqr; lra.
  apply: (Rmult_le_reg_r den) => //.
  have b1 := Rmult_le_compat_r (1 + s) _ _ ltac:(lra) a1.
  have b2 := Rmult_le_compat_r (1 - s) _ _ ltac:(lra) a2.
  have e1 : u * (1 - u) * (1 - E) * (1 + s) = u * (1 - u) * ((1 + s) * (1 + s)) * (1 - s) by rewrite Es; ring.
  lra.
have t := @tanh_le (o / 2) ltac:(lra); rewrite -/s in t.
have fin : u - v <= o / 4.
  apply: (Rmult_le_reg_r (1 + s)); first by lra.
  lra.
by rewrite dist; lra.
Qed.
End Softmax.

(* a sum against a difference of distributions sees only half the oscillation *)
Lemma oscillation_bound (T : finType) (q q' c : T -> R) K : \sum_x q x = \sum_x q' x ->
  (forall x y, c x - c y <= K) -> \sum_x ((q x - q' x) * c x) <= K / 2 * l1 q q'.
Proof.
move=> mass osc; pose up x := Rmax (q x - q' x) 0; pose dn x := Rmax (q' x - q x) 0.
have split x : q x - q' x = up x - dn x by rewrite /up /dn /Rmax; do 2![case: Rle_dec => ?]; lra.
have absol x : Rabs (q x - q' x) = up x + dn x.
  by rewrite /up /dn /Rmax /Rabs; case: Rcase_abs => ?; do 2![case: Rle_dec => ?]; lra.
have up0 x : 0 <= up x by exact: Rmax_r.
have dn0 x : 0 <= dn x by exact: Rmax_r.
set P := \sum_x up x.
have P0 : 0 <= P by apply: sum_ge0.
have Pd : \sum_x dn x = P.
  have : \sum_x (up x - dn x) = 0.
    by rewrite -(eq_bigr _ (fun x _ => split x)) sum_sub mass; ring.
  by rewrite sum_sub -/P; lra.
have D : l1 q q' = 2 * P by rewrite /l1 (eq_bigr _ (fun x _ => absol x)) sum_add Pd -/P; ring.
rewrite D (eq_bigr (fun x => up x * c x - dn x * c x)) => [|x _]; last by rewrite split; ring.
rewrite sum_sub; case: (Req_dec P 0) => [Z|N].
  have uz := sum_eq0 up0 Z; have dz := sum_eq0 dn0 (eq_trans Pd Z).
  rewrite !big1 => [||x _]; [rewrite Z; lra|by move=> x _; rewrite dz; ring|by rewrite uz; ring].
have Pp : 0 < P by lra.
apply: (Rmult_le_reg_l P) => //.
have -> : P * (\sum_x (up x * c x) - \sum_x (dn x * c x)) = \sum_x (\sum_y (up x * dn y * (c x - c y))).
  have E x : \sum_y (up x * dn y * (c x - c y)) = up x * c x * P - up x * (\sum_y (dn y * c y)).
    by rewrite -Pd -sum_scal -[X in _ = _ - X]sum_scal -sum_sub; apply: eq_bigr => y _; ring.
  by rewrite (eq_bigr _ (fun x _ => E x)) sum_sub !sum_scalr -/P; ring.
have -> : P * (K / 2 * (2 * P)) = \sum_x (\sum_y (up x * dn y * K)).
  have E x : \sum_y (up x * dn y * K) = up x * (P * K).
    by rewrite -Pd -sum_scalr -sum_scal; apply: eq_bigr => y _; ring.
  by rewrite (eq_bigr _ (fun x _ => E x)) sum_scalr -/P; field.
by apply: sum_le => x _; apply: sum_le => y _; apply: Rmult_le_compat_l; [exact: Rmult_le_pos|exact: osc].
Qed.

(* steps that shrink geometrically have a limit, at the same rate *)
Lemma geometric_steps_converge (f : nat -> R) C k : 0 <= k < 1 -> 0 <= C -> (forall n, Rabs (f n.+1 - f n) <= C * k ^ n) ->
  { l | forall n, Rabs (f n - l) <= C / (1 - k) * k ^ n }.
Proof.
move=> [k0 k1] C0 H.
have pk n : 0 <= k ^ n by exact: pow_le.
have tail m n : Rabs (f (n + m)%nat - f n) <= C / (1 - k) * (k ^ n - k ^ (n + m)).
  elim: m => [|m IH]; first by rewrite addn0 (Rminus_diag_eq (f n)) // (Rminus_diag_eq (k ^ n)) // Rabs_R0 Rmult_0_r; exact: Rle_refl.
  have -> : f (n + m.+1)%nat - f n = (f (n + m).+1 - f (n + m)%nat) + (f (n + m)%nat - f n) by rewrite addnS; ring.
  apply: Rle_trans (Rabs_triang _ _) _; have h := H (n + m)%nat.
  have -> : C / (1 - k) * (k ^ n - k ^ (n + m.+1)) = C * k ^ (n + m) + C / (1 - k) * (k ^ n - k ^ (n + m)).
    by rewrite addnS /=; field; lra.
  lra.
have c0 : 0 <= C / (1 - k) by apply: Rmult_le_pos => //; apply: Rlt_le; apply: Rinv_0_lt_compat; lra.
have near m n : Rabs (f (n + m)%nat - f n) <= C / (1 - k) * k ^ n.
  by apply: Rle_trans (tail m n) _; apply: Rmult_le_compat_l => //; have := pk (n + m)%nat; lra.
have small : Un_cv (fun n => C / (1 - k) * k ^ n) 0.
  have P : Un_cv (fun n => k ^ n) 0 by move=> e e0; have [N HN] := pow_lt_1_zero k ltac:(rewrite Rabs_pos_eq; lra) e e0;
    exists N => n Hn; rewrite /R_dist Rminus_0_r; exact: HN.
  by rewrite -(Rmult_0_r (C / (1 - k))); apply: CV_mult => //; exact: Un_cv_const.
have cauchy : Cauchy_crit f.
  move=> e e0; have [N HN] := small (e / 2) ltac:(lra); exists N => n m Hn Hm; rewrite /R_dist.
  have q := HN N (le_n _); rewrite /R_dist Rminus_0_r Rabs_pos_eq in q; last exact: Rmult_le_pos.
  have en := near (n - N)%nat N; have em := near (m - N)%nat N.
  rewrite subnKC in en; last exact/leP; rewrite subnKC in em; last exact/leP.
  have -> : f n - f m = (f n - f N) + - (f m - f N) by ring.
  by apply: Rle_lt_trans (Rabs_triang _ _) _; rewrite Rabs_Ropp; lra.
have [l Hl] := R_complete f cauchy; exists l => n; apply: Rnot_lt_le => lt.
have [N HN] := Hl (Rabs (f n - l) - C / (1 - k) * k ^ n) ltac:(lra).
have := HN (n + N)%nat ltac:(apply/leP; exact: leq_addl); rewrite /R_dist => q.
have := near N n => e; have : Rabs (f n - l) <= Rabs (f (n + N)%nat - f n) + Rabs (f (n + N)%nat - l).
  have -> : f n - l = - (f (n + N)%nat - f n) + (f (n + N)%nat - l) by ring.
  by apply: Rle_trans (Rabs_triang _ _) _; rewrite Rabs_Ropp; lra.
lra.
Qed.

(* ---------- 1. two agents, one state ---------- *)
Section TwoAgents.
Variables (A B : finType) (r dD : A * B -> R) (alpha K : R).
Hypotheses (alpha0 : 0 < alpha) (A0 : (0 < #|A|)%nat) (B0 : (0 < #|B|)%nat) (dD0 : forall x, 0 < dD x).
Definition payoff (a : A) (b : B) : R := r (a, b) + alpha * ln (dD (a, b)).
Hypothesis interaction : forall a a' b b', payoff a b - payoff a' b - payoff a b' + payoff a' b' <= K.
Definition distribution (T : finType) (p : T -> R) : Prop := (forall x, 0 <= p x) /\ \sum_x p x = 1.

(* (2) in one state *)
Definition one_state_objective (p : A -> R) (q : B -> R) : R :=
  \sum_(x : A * B) (p x.1 * q x.2 * r x) - alpha * KL (fun x : A * B => p x.1 * q x.2) dD.
Definition response1 (q : B -> R) : A -> R := softmax (fun a => (\sum_b (q b * payoff a b)) / alpha).
Definition response2 (p : A -> R) : B -> R := softmax (fun b => (\sum_a (p a * payoff a b)) / alpha).

Lemma objective_split p q : distribution p -> distribution q -> one_state_objective p q
  = \sum_a (p a * (\sum_b (q b * payoff a b))) - alpha * (\sum_a (p a * ln (p a))) - alpha * (\sum_b (q b * ln (q b))).
Proof.
case=> p0 p1 [q0 q1].
have term (x : A * B) : p x.1 * q x.2 * r x - alpha * (p x.1 * q x.2 * ln (p x.1 * q x.2 / dD x))
  = p x.1 * (q x.2 * payoff x.1 x.2) - alpha * (p x.1 * ln (p x.1) * q x.2) - alpha * (p x.1 * (q x.2 * ln (q x.2))).
  rewrite /payoff -surjective_pairing.
  case: (Req_dec (p x.1) 0) => [->|pn]; first by ring.
  case: (Req_dec (q x.2) 0) => [->|qn]; first by ring.
  have pp : 0 < p x.1 by have := p0 x.1; lra.
  have qp : 0 < q x.2 by have := q0 x.2; lra.
  by rewrite ln_div ?ln_mult //; [ring|exact: Rmult_lt_0_compat].
rewrite /one_state_objective /KL -sum_scal -sum_sub (eq_bigr _ (fun x _ => term x)) 2!sum_sub !sum_scal.
have pb (f : A -> B -> R) : \sum_(x : A * B) f x.1 x.2 = \sum_a (\sum_b f a b) by rewrite pair_bigA.
rewrite (pb (fun a b => p a * (q b * payoff a b))) (pb (fun a b => p a * ln (p a) * q b)) (pb (fun a b => p a * (q b * ln (q b)))).
congr (_ - alpha * _ - alpha * _).
- by apply: eq_bigr => a _; rewrite sum_scal.
- by apply: eq_bigr => a _; rewrite sum_scal q1 Rmult_1_r.
- by rewrite (eq_bigr (fun a => p a * (\sum_b (q b * ln (q b))))) => [|a _]; [rewrite sum_scalr p1; ring|rewrite sum_scal].
Qed.

(* the softmax IS the best response: what any other policy loses is alpha KL *)
Theorem response_is_best p q : distribution p -> distribution q ->
  one_state_objective p q = one_state_objective (response1 q) q - alpha * KL p (response1 q)
  /\ one_state_objective p q <= one_state_objective (response1 q) q.
Proof.
move=> dp dq; have [p0 p1] := dp; pose th a := (\sum_b (q b * payoff a b)) / alpha.
have s0 a : 0 < response1 q a by exact: softmax_gt0.
have ds : distribution (response1 q) by split; [move=> a; apply: Rlt_le|exact: softmax_sum1].
pose Z := \sum_a exp (th a); have z0 : 0 < Z by exact: partition_gt0.
have lnS a : ln (response1 q a) = th a - ln Z by rewrite /response1 /softmax ln_div ?ln_exp //; exact: exp_pos.
have val (w : A -> R) : distribution w -> \sum_a (w a * (\sum_b (q b * payoff a b))) - alpha * (\sum_a (w a * ln (w a)))
   = alpha * ln Z - alpha * KL w (response1 q).
  case=> w0 w1; have -> : alpha * ln Z = \sum_a (w a * (alpha * ln Z)) by rewrite sum_scalr w1; ring.
  rewrite /KL -!sum_scal -!sum_sub; apply: eq_bigr => a _.
  case: (Req_dec (w a) 0) => [->|wn]; first by ring.
  have wp : 0 < w a by have := w0 a; lra.
  rewrite ln_div // lnS /th; field; lra.
have self : KL (response1 q) (response1 q) = 0.
  by apply: big1 => a _; have := s0 a => h; have -> : response1 q a / response1 q a = 1 by [field; lra]; rewrite ln_1; ring.
have E : one_state_objective p q = one_state_objective (response1 q) q - alpha * KL p (response1 q).
  by rewrite !objective_split // !val // self; ring.
split=> //; have : 0 <= KL p (response1 q).
  have -> : 0 = \sum_a (p a - response1 q a) by rewrite sum_sub p1 softmax_sum1 //; ring.
  by apply: sum_le => a _; exact: gibbs_term.
by move/(Rmult_le_compat_l alpha _ _ (Rlt_le _ _ alpha0)); lra.
Qed.

Let kappa := K / (4 * alpha).
Lemma K_ge0 : 0 <= K.
Proof.
case/card_gt0P: A0 => a _; case/card_gt0P: B0 => b _; have := interaction a a b b; lra.
Qed.

Theorem response1_contracts q q' : distribution q -> distribution q' -> l1 (response1 q) (response1 q') <= kappa * l1 q q'.
Proof.
move=> [_ q1] [_ q1']; have L0 : 0 <= l1 q q' by apply: sum_ge0 => b _; exact: Rabs_pos.
have -> : kappa * l1 q q' = (K / 2 * l1 q q' / alpha) / 2 by rewrite /kappa; field; lra.
apply: softmax_lipschitz => //.
  apply: Rmult_le_pos; last by apply: Rlt_le; apply: Rinv_0_lt_compat.
  by apply: Rmult_le_pos => //; have := K_ge0; lra.
move=> a a'; have -> : (\sum_b (q b * payoff a b)) / alpha - (\sum_b (q' b * payoff a b)) / alpha
   - ((\sum_b (q b * payoff a' b)) / alpha - (\sum_b (q' b * payoff a' b)) / alpha)
   = (\sum_b ((q b - q' b) * (payoff a b - payoff a' b))) / alpha.
  have -> : \sum_b ((q b - q' b) * (payoff a b - payoff a' b)) = \sum_b (q b * payoff a b) - \sum_b (q' b * payoff a b)
     - (\sum_b (q b * payoff a' b) - \sum_b (q' b * payoff a' b)).
    by rewrite -!sum_sub; apply: eq_bigr => b _; ring.
  by field; lra.
apply: Rmult_le_compat_r; first by apply: Rlt_le; apply: Rinv_0_lt_compat.
by apply: oscillation_bound => [|b b']; [rewrite q1 q1'|have := interaction a a' b b'; lra].
Qed.

Theorem response2_contracts p p' : distribution p -> distribution p' -> l1 (response2 p) (response2 p') <= kappa * l1 p p'.
Proof.
move=> [_ p1] [_ p1']; have L0 : 0 <= l1 p p' by apply: sum_ge0 => b _; exact: Rabs_pos.
have -> : kappa * l1 p p' = (K / 2 * l1 p p' / alpha) / 2 by rewrite /kappa; field; lra.
apply: softmax_lipschitz => //.
  apply: Rmult_le_pos; last by apply: Rlt_le; apply: Rinv_0_lt_compat.
  by apply: Rmult_le_pos => //; have := K_ge0; lra.
move=> b b'; have -> : (\sum_a (p a * payoff a b)) / alpha - (\sum_a (p' a * payoff a b)) / alpha
   - ((\sum_a (p a * payoff a b')) / alpha - (\sum_a (p' a * payoff a b')) / alpha)
   = (\sum_a ((p a - p' a) * (payoff a b - payoff a b'))) / alpha.
  have -> : \sum_a ((p a - p' a) * (payoff a b - payoff a b')) = \sum_a (p a * payoff a b) - \sum_a (p' a * payoff a b)
     - (\sum_a (p a * payoff a b') - \sum_a (p' a * payoff a b')).
    by rewrite -!sum_sub; apply: eq_bigr => a _; ring.
  by field; lra.
apply: Rmult_le_compat_r; first by apply: Rlt_le; apply: Rinv_0_lt_compat.
by apply: oscillation_bound => [|a a']; [rewrite p1 p1'|have := interaction a a' b b'; lra].
Qed.

(* a run in turns: agent 1 answers, then agent 2 *)
Fixpoint in_turns (q : B -> R) (n : nat) : B -> R := if n is n'.+1 then response2 (response1 (in_turns q n')) else q.
Lemma response1_distribution q : distribution (response1 q).
Proof. by split; [move=> a; apply: Rlt_le; exact: softmax_gt0|exact: softmax_sum1]. Qed.
Lemma response2_distribution p : distribution (response2 p).
Proof. by split; [move=> a; apply: Rlt_le; exact: softmax_gt0|exact: softmax_sum1]. Qed.
Lemma in_turns_distribution q n : distribution q -> distribution (in_turns q n).
Proof. by case: n => [|n] //= _; exact: response2_distribution. Qed.
Lemma kappa_ge0 : 0 <= kappa.
Proof. by apply: Rmult_le_pos; [exact: K_ge0|apply: Rlt_le; apply: Rinv_0_lt_compat; lra]. Qed.

(* the linear rate, with its constant, from every start *)
Theorem two_agents_linear_rate q qs n : distribution q -> distribution qs -> response2 (response1 qs) = qs ->
  l1 (in_turns q n) qs <= (kappa * kappa) ^ n * l1 q qs.
Proof.
move=> dq ds fix_; elim: n => [|n IH]; first by rewrite /=; lra.
have k0 := kappa_ge0; have kk : 0 <= kappa * kappa by exact: Rmult_le_pos.
have dn := in_turns_distribution n dq.
rewrite -[in X in X <= _]fix_ /=.
apply: Rle_trans (response2_contracts (response1_distribution _) (response1_distribution _)) _.
apply: (Rle_trans _ (kappa * (kappa * l1 (in_turns q n) qs))).
  by apply: Rmult_le_compat_l => //; exact: response1_contracts.
have := Rmult_le_compat_l _ _ _ kk IH; lra.
Qed.

(* for alpha > K/4 there is one Nash policy *)
Theorem two_agents_unique_nash q q' : K < 4 * alpha -> distribution q -> distribution q' ->
  response2 (response1 q) = q -> response2 (response1 q') = q' -> forall b, q b = q' b.
Proof.
move=> small dq dq' fq fq' b; have k0 := kappa_ge0.
have k1 : kappa < 1.
  apply: (Rmult_lt_reg_r (4 * alpha)); first by lra.
  by rewrite /kappa /Rdiv Rmult_assoc Rinv_l; lra.
have := @two_agents_linear_rate q q' 1 dq dq' fq'; rewrite /= fq Rmult_1_r => le.
have L0 : 0 <= l1 q q' by apply: sum_ge0 => c _; exact: Rabs_pos.
have kk : kappa * kappa < 1.
  by apply: (Rle_lt_trans _ (kappa * 1)); [apply: Rmult_le_compat_l; lra|lra].
have Z : l1 q q' = 0.
  case: (Req_dec (l1 q q') 0) => // N; have Lp : 0 < l1 q q' by lra.
  by have := Rmult_lt_compat_r _ _ _ Lp kk; lra.
have H : Rabs (q b - q' b) = 0 by apply: (sum_eq0 (f := fun b => Rabs (q b - q' b))) Z b => c; exact: Rabs_pos.
by apply: Rminus_diag_uniq; case: (Req_dec (q b - q' b) 0) => // /Rabs_no_R0.
Qed.

(* ... which exists, and every run in turns converges to it at that rate *)
Theorem two_agents_converge q : K < 4 * alpha -> distribution q ->
  exists qs, [/\ distribution qs, response2 (response1 qs) = qs & forall n, l1 (in_turns q n) qs <= (kappa * kappa) ^ n * l1 q qs].
Proof.
move=> small dq; have k0 := kappa_ge0; have kk0 : 0 <= kappa * kappa by exact: Rmult_le_pos.
have k1 : kappa < 1.
  apply: (Rmult_lt_reg_r (4 * alpha)); first by lra.
  by rewrite /kappa /Rdiv Rmult_assoc Rinv_l; lra.
have kk1 : kappa * kappa < 1 by apply: (Rle_lt_trans _ (kappa * 1)); [apply: Rmult_le_compat_l; lra|lra].
set C := l1 (in_turns q 1) q.
have C0 : 0 <= C by apply: sum_ge0 => c _; exact: Rabs_pos.
have shrink n : l1 (in_turns q n.+1) (in_turns q n) <= C * (kappa * kappa) ^ n.
  elim: n => [|n IH]; first by rewrite /= Rmult_1_r; exact: Rle_refl.
  have [d1 d2] := (in_turns_distribution n.+1 dq, in_turns_distribution n dq).
  apply: Rle_trans (response2_contracts (response1_distribution _) (response1_distribution _)) _.
  apply: (Rle_trans _ (kappa * (kappa * l1 (in_turns q n.+1) (in_turns q n)))).
    by apply: Rmult_le_compat_l => //; exact: response1_contracts.
  by have := Rmult_le_compat_l _ _ _ kk0 IH; rewrite /=; lra.
have step b n : Rabs (in_turns q n.+1 b - in_turns q n b) <= C * (kappa * kappa) ^ n.
  apply: Rle_trans (shrink n).
  by apply: (@sum_ge_term _ (fun b => Rabs (in_turns q n.+1 b - in_turns q n b))) => c; exact: Rabs_pos.
have lim b := geometric_steps_converge (conj kk0 kk1) C0 (step b).
pose qs b := proj1_sig (lim b).
have cv b : Un_cv (fun n => in_turns q n b) (qs b).
  have P : Un_cv (fun n => C / (1 - kappa * kappa) * (kappa * kappa) ^ n) 0.
    rewrite -(Rmult_0_r (C / (1 - kappa * kappa))); apply: CV_mult; first exact: Un_cv_const.
    move=> e e0; have [N HN] := pow_lt_1_zero (kappa * kappa) ltac:(rewrite Rabs_pos_eq; lra) e e0.
    by exists N => n Hn; rewrite /R_dist Rminus_0_r; exact: HN.
  apply: Un_cv_of_abs0; apply: (Un_cv_squeeze _ P) => n; split; [exact: Rabs_pos|exact: (proj2_sig (lim b) n)].
have ds : distribution qs.
  split=> [b|].
    by apply: (Un_cv_le _ (Un_cv_const 0) (cv b)) => n; exact: (in_turns_distribution n dq).1.
  apply: UL_sequence (Un_cv_sum cv) _.
  by apply: (Un_cv_ext _ (Un_cv_const 1)) => n; exact: (in_turns_distribution n dq).2.
have near : Un_cv (fun n => l1 (in_turns q n) qs) 0.
  have := Un_cv_sum (f := fun n b => Rabs (in_turns q n b - qs b)) (l := fun _ => 0) (fun b => Un_cv_abs0 (cv b)).
  by rewrite sum_const Rmult_0_r.
have fix_ : response2 (response1 qs) = qs.
  apply: functional_extensionality => b.
  have H n : Rabs (response2 (response1 qs) b - qs b) <= l1 (in_turns q n) qs + l1 (in_turns q n.+1) qs.
    have dn := in_turns_distribution n dq.
    have c1 : Rabs (response2 (response1 (in_turns q n)) b - response2 (response1 qs) b) <= l1 (in_turns q n) qs.
      apply: (Rle_trans _ (l1 (response2 (response1 (in_turns q n))) (response2 (response1 qs)))).
        by apply: (@sum_ge_term _ (fun b => Rabs (response2 (response1 (in_turns q n)) b - response2 (response1 qs) b))) => c; exact: Rabs_pos.
      apply: Rle_trans (response2_contracts (response1_distribution _) (response1_distribution _)) _.
      have := response1_contracts dn ds => c2.
      have L0 : 0 <= l1 (in_turns q n) qs by apply: sum_ge0 => c _; exact: Rabs_pos.
      have := Rmult_le_compat_l _ _ _ k0 c2; have := Rmult_le_compat_r _ _ _ L0 (Rlt_le _ _ kk1); lra.
    have c2 : Rabs (in_turns q n.+1 b - qs b) <= l1 (in_turns q n.+1) qs.
      by apply: (@sum_ge_term _ (fun b => Rabs (in_turns q n.+1 b - qs b))) => c; exact: Rabs_pos.
    have -> : response2 (response1 qs) b - qs b = - (response2 (response1 (in_turns q n)) b - response2 (response1 qs) b)
      + (in_turns q n.+1 b - qs b) by rewrite /=; ring.
    by apply: Rle_trans (Rabs_triang _ _) _; rewrite Rabs_Ropp; lra.
  have near1 : Un_cv (fun n => l1 (in_turns q n.+1) qs) 0.
    by move=> e e0; have [N HN] := near e e0; exists N => n Hn; apply: HN; exact: le_S.
  have le : Rabs (response2 (response1 qs) b - qs b) <= 0 + 0.
    exact: (Un_cv_le H (Un_cv_const _) (CV_plus _ _ _ _ near near1)).
  apply: Rminus_diag_uniq; case: (Req_dec (response2 (response1 qs) b - qs b) 0) => // /Rabs_no_R0.
  by have := Rabs_pos (response2 (response1 qs) b - qs b); lra.
by exists qs; split=> // n; exact: two_agents_linear_rate.
Qed.
End TwoAgents.

(* XOR with d^D = 1/4: the interaction is 2, and so the factor 1/(4 alpha^2) a round *)
Theorem xor_interaction (alpha : R) : 0 < alpha -> forall a a' b b' : bool,
  let r (x : bool * bool) := if x.1 == x.2 then 0 else 1 in
  payoff r (fun _ => 1/4) alpha a b - payoff r (fun _ => 1/4) alpha a' b - payoff r (fun _ => 1/4) alpha a b'
    + payoff r (fun _ => 1/4) alpha a' b' <= 2.
Proof. by move=> _ [] [] [] [] /=; rewrite /payoff /=; lra. Qed.

(* ---------- 2. geometric values give converging occupancies ---------- *)
Theorem geometric_values_give_converging_occupancies (I S : finType) (A : I -> finType) (G : mmdp S A) (alpha : R)
    (x : nat -> joint_policy S A) (who : nat -> I) (L C k : R) :
  0 < alpha -> alberdice_run G alpha x who -> 0 <= k < 1 -> 0 <= C ->
  (forall t, common_objective G alpha (x t) <= L) -> (forall t, L - common_objective G alpha (x t) <= C * (k * k) ^ t) ->
  exists C' (l : S * joint_action A -> R), forall y t, Rabs (joint_occupancy G (x t) y - l y) <= C' * k ^ t.
Proof.
move=> a0 run k01 C0 below gap; pose c := 2 * sqrt (C / alpha).
have c0 : 0 <= c by have := sqrt_pos (C / alpha); rewrite /c; lra.
have pk n : 0 <= k ^ n by apply: pow_le; lra.
have step t y : Rabs (joint_occupancy G (x t.+1) y - joint_occupancy G (x t) y) <= c * k ^ t.
  rewrite Rabs_minus_sym; apply: Rle_trans (step_moves_little a0 run t y) _.
  have D : step_divergence G x t <= C / alpha * (k ^ t * k ^ t).
    have E := update_gains_exactly_the_divergence a0 run t.
    apply: (Rmult_le_reg_l alpha) => //.
    have -> : alpha * (C / alpha * (k ^ t * k ^ t)) = C * (k * k) ^ t by rewrite Rpow_mult_distr; field; lra.
    by have := gap t; have := below t.+1; lra.
  have -> : c * k ^ t = 2 * sqrt (C / alpha * (k ^ t * k ^ t)).
    rewrite sqrt_mult ?sqrt_square //; first by rewrite /c; ring.
      by apply: Rmult_le_pos => //; apply: Rlt_le; apply: Rinv_0_lt_compat.
    exact: Rmult_le_pos.
  by apply: Rmult_le_compat_l; [lra|apply: sqrt_le_1_alt].
have lim y := geometric_steps_converge k01 c0 (step^~ y).
by exists (c / (1 - k)), (fun y => proj1_sig (lim y)) => y t; exact: (proj2_sig (lim y) t).
Qed.
