(* The Lagrangian dual of a single-agent regularised LP: (24)-(28), and through the reduced MDP
   (file ReducedMDP) equations (4)-(7), (21)-(22).

   For kernel P, reward q, reference weights m > 0 and multipliers nu, write
     e_nu(s,a) = q(s,a) + gamma \sum_s' P(s'|s,a) nu(s') - nu(s),      w_nu = exp(e_nu/alpha - 1),
     D(nu)     = alpha \sum m w_nu + (1 - gamma) \sum p0 nu.
   - D(nu) is the maximum over w >= 0 of the Lagrangian (21), attained at (22), w = w_nu only;
   - weak duality: every feasible d has F(d) = \sum d q - alpha KL(d || m) <= D(nu);
   - certificate: if d = m w_nu satisfies the flow constraint, then d is optimal, nu is dual
     optimal and the two values agree (no appeal to Slater's condition);
   - converse: if nu is dual optimal, then d = m w_nu satisfies the flow constraint.  In particular
     the dual infimum is NOT attained when some state is unreachable (footnote 6 fails there). *)
From Coq Require Import Reals Lra.
From mathcomp Require Import all_ssreflect.
From AlberDICE Require Import RealSums Inequalities DualObjective FrozenReward.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Local Open Scope R_scope.

Section Certificate.
Variables (S A : finType).
Notation SA := (S * A)%type.
Variables (P : SA -> S -> R) (p0 : S -> R) (gamma alpha : R) (q m : SA -> R).
Hypotheses (alpha0 : 0 < alpha) (m0 : forall x, 0 < m x).
Definition flow_single (d : SA -> R) : Prop := forall s',
  \sum_(a : A) d (s', a) = (1 - gamma) * p0 s' + gamma * (\sum_(x : SA) (P x s' * d x)).
Definition advantage (nu : S -> R) (x : SA) : R := q x + gamma * (\sum_s (P x s * nu s)) - nu x.1.
Definition dual_objective (nu : S -> R) : R :=
  alpha * (\sum_(x : SA) (m x * exp (advantage nu x / alpha - 1))) + (1 - gamma) * (\sum_s (p0 s * nu s)).

(* the Lagrangian (21) = (7) at correction ratios w *)
Definition lagrangian_w (nu : S -> R) (w : SA -> R) : R :=
  (1 - gamma) * (\sum_s (p0 s * nu s))
  + \sum_(x : SA) (m x * (w x * (advantage nu x - alpha * ln (w x)))).

(* (22): over w >= 0 the Lagrangian is maximal exactly at w = exp(e_nu/alpha - 1), with value D(nu) *)
Theorem dual_objective_is_inner_maximum nu :
  lagrangian_w nu (fun x => exp (advantage nu x / alpha - 1)) = dual_objective nu
  /\ (forall w, (forall x, 0 <= w x) -> lagrangian_w nu w <= dual_objective nu)
  /\ (forall w, (forall x, 0 <= w x) -> lagrangian_w nu w = dual_objective nu ->
      forall x, w x = exp (advantage nu x / alpha - 1)).
Proof.
have D : dual_objective nu = (1 - gamma) * (\sum_s (p0 s * nu s))
         + \sum_(x : SA) (m x * (alpha * wstar alpha (advantage nu x))).
  rewrite /dual_objective Rplus_comm -[alpha * _]sum_scal; congr (_ + _).
  by apply: eq_bigr => x _; rewrite /wstar; ring.
have le w x : 0 <= w x -> m x * inner alpha (advantage nu x) (w x)
                       <= m x * (alpha * wstar alpha (advantage nu x)).
  by move=> w0; apply: Rmult_le_compat_l; [have := m0 x; lra|exact: proposition_3_1].
split; first by rewrite D /lagrangian_w; congr (_ + _); apply: eq_bigr => x _; rewrite -inner_wstar.
split=> w w0.
  by rewrite D; apply: Rplus_le_compat_l; apply: sum_le => x _; exact: le.
rewrite D => /Rplus_eq_reg_l E x; have := sum_eq_le (fun x => le w x (w0 x)) E x.
by move/Rmult_eq_reg_l => F; apply/(proposition_3_1_unique _ alpha0 (w0 x)); apply: F; have := m0 x; lra.
Qed.

Lemma lagrangian d nu : flow_single d -> (forall x, 0 <= d x) ->
  regularised q m alpha d = \sum_(x : SA) (m x * inner alpha (advantage nu x) (d x / m x))
                  + (1 - gamma) * (\sum_s (p0 s * nu s)).
Proof.
move=> F d0.
have T : \sum_(x : SA) (d x * (gamma * (\sum_s (P x s * nu s)) - nu x.1))
       = - ((1 - gamma) * (\sum_s (p0 s * nu s))).
  rewrite (eq_bigr (fun x => gamma * (\sum_s (P x s * nu s * d x)) - d x * nu x.1)) => [|x _]; last first.
    by rewrite sum_scalr; ring.
  rewrite sum_sub sum_scal exchange_big /=.
  have -> : \sum_(x : SA) (d x * nu x.1)
     = (1 - gamma) * (\sum_s (p0 s * nu s)) + gamma * (\sum_s (\sum_(x : SA) (P x s * nu s * d x))).
    have -> : \sum_(x : SA) (d x * nu x.1) = \sum_s (\sum_(a : A) (d (s, a) * nu s)).
      by rewrite pair_bigA; apply: eq_bigr => -[s a] _.
    have G s : \sum_(x : SA) (P x s * nu s * d x) = nu s * (\sum_(x : SA) (P x s * d x)).
      by rewrite -sum_scal; apply: eq_bigr => x _; ring.
    rewrite (eq_bigr _ (fun s _ => G s)) -[X in X + _]sum_scal -[X in _ + X]sum_scal -sum_add.
    by apply: eq_bigr => s _; rewrite sum_scalr F; ring.
  set X := (X in gamma * X - _); set Y := (X in _ + gamma * X).
  have -> : X = Y by [].
  by ring.
have E : \sum_(x : SA) (m x * inner alpha (advantage nu x) (d x / m x))
  = regularised q m alpha d + \sum_(x : SA) (d x * (gamma * (\sum_s (P x s * nu s)) - nu x.1)).
  rewrite /regularised /KL -sum_scal -sum_sub -sum_add; apply: eq_bigr => x _.
  by rewrite /inner /advantage; field; have := m0 x; lra.
by rewrite E T; ring.
Qed.

Theorem weak_duality d nu : flow_single d -> (forall x, 0 <= d x) -> regularised q m alpha d <= dual_objective nu.
Proof.
move=> F d0; rewrite (lagrangian nu F d0) /dual_objective -[alpha * _]sum_scal.
apply: Rplus_le_compat_r; apply: sum_le => x _.
have -> : alpha * (m x * exp (advantage nu x / alpha - 1)) = m x * (alpha * wstar alpha (advantage nu x))
  by rewrite /wstar; ring.
apply: Rmult_le_compat_l; first by have := m0 x; lra.
apply: proposition_3_1 => //; apply: Rmult_le_pos => //; have := Rinv_0_lt_compat _ (m0 x); lra.
Qed.

(* if w = exp(e/alpha - 1) makes m w feasible, occupancy_iter is optimal, and nu is dual optimal: no
   appeal to Slater or strong duality is needed to VERIFY a solution *)
Theorem certificate nu (d := fun x => m x * exp (advantage nu x / alpha - 1)) : flow_single d ->
  regularised q m alpha d = dual_objective nu /\
  (forall d', flow_single d' -> (forall x, 0 <= d' x) -> regularised q m alpha d' <= regularised q m alpha d) /\
  (forall nu', dual_objective nu <= dual_objective nu').
Proof.
move=> F; have d0 x : 0 <= d x.
  by apply: Rmult_le_pos; [have := m0 x; lra|have := exp_pos (advantage nu x / alpha - 1); lra].
have E : regularised q m alpha d = dual_objective nu.
  rewrite (lagrangian nu F d0) /dual_objective -[alpha * _]sum_scal; congr (_ + _); apply: eq_bigr => x _.
  have -> : d x / m x = wstar alpha (advantage nu x) by rewrite /d /wstar; field; have := m0 x; lra.
  by rewrite inner_wstar // /wstar; ring.
split=> //; split=> [d' F' d0'|nu']; first by rewrite E; exact: weak_duality.
by rewrite -E; exact: weak_duality.
Qed.
(* converse: a minimiser nu of D makes d = m exp(e_nu/alpha - 1) a stationary distribution, hence
   (certificate) the optimal one; this is (28), "w = d*/d^D", for a dual solution nu *)
Theorem dual_minimiser_is_flow nu : 0 <= gamma <= 1 -> (forall x s, 0 <= P x s <= 1) ->
  (forall nu', dual_objective nu <= dual_objective nu') ->
  flow_single (fun x => m x * exp (advantage nu x / alpha - 1)).
Proof.
move=> [g0 g1] PP opt; pose d x := m x * exp (advantage nu x / alpha - 1).
suff : flow_single d by []; move=> s1.
have d0 x : 0 < d x by apply: Rmult_lt_0_compat; [exact: m0|exact: exp_pos].
pose c (x : SA) := gamma * P x s1 - (if x.1 == s1 then 1 else 0).
pose bump (t : R) (s : S) := nu s + t * (if s == s1 then 1 else 0).
have adv t x : advantage (bump t) x = advantage nu x + t * c x.
  rewrite /advantage /bump /c.
  rewrite (eq_bigr (fun s => P x s * nu s + t * ((if s == s1 then 1 else 0) * P x s))) => [|s _].
    by rewrite sum_add sum_scal sum_pick; ring.
  by ring.
have lin t : \sum_s (p0 s * bump t s) = \sum_s (p0 s * nu s) + t * p0 s1.
  rewrite (eq_bigr (fun s => p0 s * nu s + t * ((if s == s1 then 1 else 0) * p0 s))) => [|s _].
    by rewrite sum_add sum_scal sum_pick.
  by rewrite /bump; ring.
have val t : dual_objective (bump t) = alpha * (\sum_(x : SA) (d x * exp (t * c x / alpha)))
                              + (1 - gamma) * (\sum_s (p0 s * nu s)) + (1 - gamma) * (t * p0 s1).
  rewrite /dual_objective lin; have -> : \sum_(x : SA) (m x * exp (advantage (bump t) x / alpha - 1))
    = \sum_(x : SA) (d x * exp (t * c x / alpha)).
    apply: eq_bigr => x _; rewrite /d adv Rmult_assoc -exp_plus; congr (_ * exp _); field; lra.
  by ring.
pose slope := \sum_(x : SA) (d x * c x) + (1 - gamma) * p0 s1.
pose curv := 2 * / alpha * (\sum_(x : SA) (d x * (c x * c x))).
(* exp y <= 1 + y + 2 y^2 for y <= 1/2 *)
have quad y : y <= 1/2 -> exp y <= 1 + y + 2 * (y * y).
  move=> hy; have E : exp y * exp (- y) = 1 by rewrite -exp_plus Rplus_opp_r exp_0.
  have K := exp_ge (- y); have ey := exp_pos y.
  have K1 : exp y * (1 - y) <= 1 by rewrite -E; apply: Rmult_le_compat_l; lra.
  apply: (Rmult_le_reg_r (1 - y)); first by lra.
  apply: Rle_trans K1 _; have : 0 <= (y * y) * (1 - 2 * y).
    by apply: Rmult_le_pos; [exact: Rle_0_sqr|lra].
  lra.
have cb x : Rabs (c x) <= 1.
  rewrite /c; have [A1 A2] := PP x s1.
  have A3 : 0 <= gamma * P x s1 by exact: Rmult_le_pos.
  have A4 : gamma * P x s1 <= 1.
    by have := Rmult_le_compat _ _ _ _ g0 A1 g1 A2; lra.
  by apply: Rabs_le; case: eqP => _; lra.
have main t : Rabs t <= alpha / 2 -> 0 <= t * slope + t * t * curv.
  move=> ht; have := opt (bump t); rewrite val.
  have -> : dual_objective nu = alpha * (\sum_(x : SA) d x) + (1 - gamma) * (\sum_s (p0 s * nu s)) by [].
  have up : \sum_(x : SA) (d x * exp (t * c x / alpha))
     <= \sum_(x : SA) d x + t / alpha * (\sum_(x : SA) (d x * c x))
        + t * t / alpha * (2 * / alpha * (\sum_(x : SA) (d x * (c x * c x)))).
    rewrite -!sum_scal -!sum_add; apply: sum_le => x _.
    have hy : t * c x / alpha <= 1 / 2.
      apply: Rle_trans (Rle_abs _) _; rewrite /Rdiv Rabs_mult Rabs_mult Rabs_inv (Rabs_pos_eq alpha); last lra.
      have A1 : Rabs t * Rabs (c x) <= alpha / 2 * 1.
        by apply: Rmult_le_compat => //; exact: Rabs_pos.
      have := Rmult_le_compat_r (/ alpha) _ _ (Rlt_le _ _ (Rinv_0_lt_compat _ alpha0)) A1.
      by have -> : alpha / 2 * 1 * / alpha = 1 * / 2 by field; lra.
    have := Rmult_le_compat_l (d x) _ _ (Rlt_le _ _ (d0 x)) (quad _ hy).
    have -> : d x * (1 + t * c x / alpha + 2 * (t * c x / alpha * (t * c x / alpha)))
       = d x + t / alpha * (d x * c x) + t * t / alpha * (2 * / alpha * (d x * (c x * c x))).
      by field; lra.
    by [].
  have {}up := Rmult_le_compat_l alpha _ _ (Rlt_le _ _ alpha0) up.
  have E : alpha * (\sum_(x : SA) d x + t / alpha * (\sum_(x : SA) (d x * c x))
        + t * t / alpha * (2 * / alpha * (\sum_(x : SA) (d x * (c x * c x)))))
     = alpha * (\sum_(x : SA) d x) + t * (\sum_(x : SA) (d x * c x)) + t * t * curv.
    by rewrite /curv; field; lra.
  rewrite E in up; move: up; rewrite /slope; lra.
have curv0 : 0 <= curv.
  apply: Rmult_le_pos; first by have := Rinv_0_lt_compat _ alpha0; lra.
  by apply: sum_ge0 => x _; apply: Rmult_le_pos; [have := d0 x; lra|exact: Rle_0_sqr].
have slope0 : slope = 0.
  have side (sg : R) : sg * sg = 1 -> Rabs sg = 1 -> sg * slope <= 0.
    move=> s2 sa; apply: (@slope_le0 (sg * slope) (alpha / 2 * curv)).
      by apply: Rmult_le_pos => //; lra.
    move=> t Ht; have := main (- (alpha / 2 * t * sg)).
    rewrite Rabs_Ropp Rabs_mult sa (Rabs_pos_eq (alpha / 2 * t)); last by apply: Rmult_le_pos; lra.
    have h : alpha / 2 * t * 1 <= alpha / 2.
      by rewrite Rmult_1_r -[X in _ <= X]Rmult_1_r; apply: Rmult_le_compat_l; lra.
    move/(_ h).
    have -> : - (alpha / 2 * t * sg) * slope
              + - (alpha / 2 * t * sg) * - (alpha / 2 * t * sg) * curv
            = alpha / 2 * (t * t * (alpha / 2 * curv) * (sg * sg) - t * (sg * slope)) by field.
    rewrite s2 Rmult_1_r -[X in X <= _](Rmult_0_r (alpha / 2)).
    by move/(Rmult_le_reg_l (alpha / 2)); lra.
  have := side 1; have := side (-1); rewrite Rabs_Ropp Rabs_R1; lra.
have flat : \sum_(a : A) d (s1, a) = \sum_(x : SA) (d x * (if x.1 == s1 then 1 else 0)).
  have -> : \sum_(x : SA) (d x * (if x.1 == s1 then 1 else 0))
          = \sum_(s : S) (\sum_(a : A) (d (s, a) * (if s == s1 then 1 else 0))).
    by rewrite pair_bigA; apply: eq_bigr => -[s a] _.
  rewrite (bigD1 s1) //= eqxx [X in _ = _ + X]big1 ?Rplus_0_r => [|s /negbTE ->].
    by apply: eq_bigr => a _; ring.
  by rewrite big1 // => a _; ring.
have ps : \sum_(x : SA) (d x * c x) = gamma * (\sum_(x : SA) (P x s1 * d x)) - \sum_(a : A) d (s1, a).
  rewrite flat -sum_scal -sum_sub; apply: eq_bigr => x _; rewrite /c; ring.
by move: slope0; rewrite /slope ps; lra.
Qed.

(* footnote 6: with an unreachable state (no feasible d charges it) the dual infimum is not
   attained, so Slater's condition cannot be what justifies exchanging min and max *)
Theorem dual_not_attained_if_unreachable (x1 : SA) : 0 <= gamma <= 1 -> (forall x s, 0 <= P x s <= 1) ->
  (forall d, flow_single d -> (forall x, 0 <= d x) -> d x1 = 0) ->
  forall nu, ~ (forall nu', dual_objective nu <= dual_objective nu').
Proof.
move=> g0 PP unreach nu /(dual_minimiser_is_flow g0 PP) F.
have pos x : 0 < m x * exp (advantage nu x / alpha - 1).
  by apply: Rmult_lt_0_compat; [exact: m0|exact: exp_pos].
have := unreach _ F (fun x => Rlt_le _ _ (pos x)); have := pos x1; lra.
Qed.
End Certificate.
