(* One state, any number of agents and actions, d^D > 0: what the theorems on turns ask for, proved.  With Q = r + alpha ln d^D and
   |Q - c| <= C for some c, two agents' changes have mixed differences of J of at most C |.| |.|, everywhere: the entropies are sums over agents,
   and what is left is multilinear.  So
     - plain turns are eps-Nash at the rate of PlainTurns.v, with L = 8 C / sqrt alpha;
     - near a maximum only growth and concavity are left to suppose in LocalRateMMDP.v. *)
From Coq Require Import Reals Lra Arith FunctionalExtensionality.
From mathcomp Require Import all_ssreflect.
From AlberDICE Require Import RealSums Inequalities Limits Lemma41 FrozenReward RegularisedLP BlockAscent Occupancy StateValues Convergence
  ExactGain FiniteSample LinearRate PlainTurns LocalRate LocalRateMMDP.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Local Open Scope R_scope.

Lemma ln_prod (I : finType) (f : I -> R) : (forall i, 0 < f i) -> ln (\prod_i f i) = \sum_i ln (f i).
Proof.
move=> f0; elim: (index_enum I) => [|i s IH]; first by rewrite !big_nil ln_1.
by rewrite !big_cons ln_mult // ?IH //; elim/big_ind: _ => [|a b|j _]; [lra|exact: Rmult_lt_0_compat|].
Qed.

Section OneState.
Variables (I : finType) (A : I -> finType) (G : mmdp unit_finType A) (alpha : R).
Hypothesis alpha_gt0 : 0 < alpha.
Notation JA := (joint_action A).
Notation policy := (policy unit_finType A).
Notation joint_policy := (joint_policy unit_finType A).
Notation F := (common_objective G alpha).
Notation N := (INR #|I|).
Definition payoff_of (a : JA) : R := reward G (tt, a) + alpha * ln (data G (tt, a)).
Variables (C c : R).
Hypothesis payoff_range : forall a, Rabs (payoff_of a - c) <= C.

Lemma one_visit (y : joint_policy) s : state_occupancy G y s = 1.
Proof.
have := occupancy_mass G y; rewrite -(pair_bigA _ (fun s a => joint_occupancy G y (s, a))) /=.
rewrite (eq_bigr (state_occupancy G y)) => [|s' _]; last exact: states_of_occupancy.
by rewrite (big_pred1 s) // => -[]; case: s.
Qed.

Definition entropy_of (y : joint_policy) (i : I) : R := \sum_b (prob y i tt b * ln (prob y i tt b)).
Lemma objective_in_one_state (y : joint_policy) :
  F y = \sum_(a : JA) (joint_prob (prob y) tt a * payoff_of a) - alpha * (\sum_i entropy_of y i).
Proof.
have over (f : unit_finType * JA -> R) : \sum_x f x = \sum_(a : JA) f (tt, a).
  rewrite (eq_bigr (fun x => f (x.1, x.2))) => [|[] //]; rewrite -(pair_bigA _ (fun s a => f (s, a))) /=.
  by rewrite (big_pred1 tt) // => -[].
have E : \sum_i entropy_of y i = \sum_(a : JA) (joint_prob (prob y) tt a * ln (joint_prob (prob y) tt a)).
  have T a : joint_prob (prob y) tt a * ln (joint_prob (prob y) tt a) = \sum_i (joint_prob (prob y) tt a * ln (prob y i tt (a i))).
    case: (Req_dec (joint_prob (prob y) tt a) 0) => [->|n]; first by rewrite big1 => [|i _]; ring.
    rewrite sum_scal {2}/joint_prob ln_prod // => i; have := prob_ge0 y tt (a i); case: (Req_dec (prob y i tt (a i)) 0) => [Z|]; last by lra.
    by case: n; rewrite /joint_prob (bigD1 i) //= Z Rmult_0_l.
  rewrite [RHS](eq_bigr _ (fun a _ => T a)) exchange_big; apply: eq_bigr => i _ /=.
  rewrite (partition_big (fun a : JA => a i) xpredT) //=; apply: eq_bigr => b _.
  rewrite (eq_bigr (fun a : JA => joint_prob (prob y) tt a * ln (prob y i tt b))) => [|a /eqP -> //].
  by rewrite sum_scalr (joint_prob_marginal (prob_sum1 y)).
rewrite E /common_objective /joint_objective /regularised /KL !over -!sum_scal -!sum_sub; apply: eq_bigr => a _.
rewrite /joint_occupancy one_visit Rmult_1_l /= /payoff_of.
case: (Req_dec (joint_prob (prob y) tt a) 0) => [->|n]; first by ring.
have p : 0 < joint_prob (prob y) tt a by have := joint_prob_ge0 y tt a; lra.
by rewrite ln_div //; [ring|exact: data_gt0].
Qed.

Theorem mixed_in_one_state (y : joint_policy) i j (u : policy i) (v : policy j) : i <> j ->
  Rabs (F (@deviate I policy (@deviate I policy y j v) i u) - F (@deviate I policy y j v) - F (@deviate I policy y i u) + F y)
    <= C * (policy_dist (y i) u * policy_dist (y j) v).
Proof.
move=> ij; set w := @deviate I policy (@deviate I policy y j v) i u; set yv := @deviate I policy y j v; set yu := @deviate I policy y i u.
have wi : w i = u by rewrite /w deviate_same.
have wj : w j = v by rewrite /w deviate_other // /yv deviate_same.
have uj : yu j = y j by rewrite /yu deviate_other.
have ui : yu i = u by rewrite /yu deviate_same.
have vi : yv i = y i by rewrite /yv deviate_other // => e; apply: ij.
have vj : yv j = v by rewrite /yv deviate_same.
have rest k : k != i -> k != j -> [/\ w k = y k, yu k = y k & yv k = y k].
  move=> /eqP ki /eqP kj; have ik : i <> k by move=> e; apply: ki.
  have jk : j <> k by move=> e; apply: kj.
  by rewrite /w /yu /yv !deviate_other.
have ji : j != i by apply/eqP => e; apply: ij.
have H : \sum_k entropy_of w k - \sum_k entropy_of yv k - \sum_k entropy_of yu k + \sum_k entropy_of y k = 0.
  rewrite -!sum_sub -sum_add; apply: big1 => k _; rewrite /entropy_of /prob.
  case: (@eqP _ k i) => [->|/eqP ki]; first by rewrite wi vi ui; ring.
  case: (@eqP _ k j) => [->|/eqP kj]; first by rewrite wj vj uj; ring.
  by have [-> -> ->] := rest k ki kj; ring.
pose Rest a := \prod_(k | (k != i) && (k != j)) prob y k tt (a k).
have split (z : joint_policy) a : (forall k, k != i -> k != j -> z k = y k) ->
    joint_prob (prob z) tt a = prob z i tt (a i) * (prob z j tt (a j) * Rest a).
  move=> same; rewrite /joint_prob (bigD1 i) //= (bigD1 j) //=; congr (_ * (_ * _)).
  by apply: eq_bigr => k /andP[ki kj]; rewrite /prob same.
pose m a := joint_prob (prob w) tt a - joint_prob (prob yv) tt a - joint_prob (prob yu) tt a + joint_prob (prob y) tt a.
have Em a : m a = (prob w i tt (a i) - prob y i tt (a i)) * ((prob w j tt (a j) - prob y j tt (a j)) * Rest a).
  rewrite /m !split => [||k ki kj|k ki kj|k ki kj] //; try by have [] := rest k ki kj.
  have cross (p q p' q' z : R) : p * (q * z) - p' * (q * z) - p * (q' * z) + p' * (q' * z) = (p - p') * ((q - q') * z) by ring.
  by rewrite /prob wi wj ui uj vi vj; exact: cross.
have m0 : \sum_(a : JA) m a = 0.
  by rewrite /m sum_add !sum_sub !(joint_prob_sum1 (prob_sum1 _)); ring.
have -> : F w - F yv - F yu + F y = \sum_(a : JA) (m a * (payoff_of a - c)).
  have -> : \sum_(a : JA) (m a * (payoff_of a - c)) = \sum_(a : JA) (m a * payoff_of a).
    rewrite (eq_bigr (fun a => m a * payoff_of a - m a * c)) => [|a _]; last by ring.
    by rewrite sum_sub sum_scalr m0 Rmult_0_l Rminus_0_r.
  rewrite !objective_in_one_state.
  have -> : \sum_(a : JA) (m a * payoff_of a) = \sum_(a : JA) (joint_prob (prob w) tt a * payoff_of a)
      - \sum_(a : JA) (joint_prob (prob yv) tt a * payoff_of a) - \sum_(a : JA) (joint_prob (prob yu) tt a * payoff_of a)
      + \sum_(a : JA) (joint_prob (prob y) tt a * payoff_of a).
    by rewrite -!sum_sub -sum_add; apply: eq_bigr => a _; rewrite /m; ring.
  have := f_equal (Rmult alpha) H; lra.
apply: Rle_trans (abs_sum_le _) _.
pose f k (b : A k) : R := if k == i then Rabs (prob w k tt b - prob y k tt b) else
  if k == j then Rabs (prob w k tt b - prob y k tt b) else prob y k tt b.
have Ef a : Rabs (m a) = \prod_k f k (a k).
  have R0 : 0 <= Rest a by apply: prod_ge0 => k _; exact: prob_ge0.
  rewrite Em !Rabs_mult (Rabs_pos_eq (Rest a)) // (bigD1 i) //= (bigD1 j) //=; congr (_ * (_ * _)).
  - by rewrite /f eqxx.
  - by rewrite /f (negbTE ji) eqxx.
  by apply: eq_bigr => k /andP[/negbTE ki /negbTE kj]; rewrite /f ki kj.
have total : \sum_(a : JA) Rabs (m a) = policy_dist (y i) u * policy_dist (y j) v.
  rewrite (eq_bigr _ (fun a _ => Ef a)) -prod_sum_distr (bigD1 i) //= (bigD1 j) //= [X in _ * (_ * X)]big1 => [|k /andP[/negbTE ki /negbTE kj]].
    have one g (p q : policy g) : policy_dist p q = \sum_b Rabs (proj1_sig q tt b - proj1_sig p tt b).
      by rewrite /policy_dist (big_pred1 tt) => [|[] //]; apply: eq_bigr => b _; exact: Rabs_minus_sym.
    rewrite Rmult_1_r !one; congr (_ * _).
      by apply: eq_bigr => b _; rewrite /f eqxx /prob wi.
    by apply: eq_bigr => b _; rewrite /f (negbTE ji) eqxx /prob wj.
  by rewrite -(prob_sum1 y k tt); apply: eq_bigr => b _; rewrite /f ki kj.
rewrite -total -sum_scal; apply: sum_le => a _; rewrite Rabs_mult Rmult_comm.
by apply: Rmult_le_compat_r => //; exact: Rabs_pos.
Qed.

(* plain turns in one state, any number of agents *)
Lemma policy_dist_le2 i (p q : policy i) : policy_dist p q <= 2.
Proof.
have [p0 p1] := proj2_sig p; have [q0 q1] := proj2_sig q.
rewrite /policy_dist (big_pred1 tt) => [|[] //]; rewrite /l1.
apply: (Rle_trans _ (\sum_b (proj1_sig p tt b + proj1_sig q tt b))); last by rewrite sum_add p1 q1; lra.
by apply: sum_le => b _; apply: Rabs_le; have := p0 tt b; have := q0 tt b; lra.
Qed.

Theorem plain_turns_in_one_state (x : nat -> joint_policy) (who : nat -> I) T B n : 0 <= C -> alberdice_run G alpha x who ->
  (forall t i, exists2 k, (k < T)%nat & who (t + k)%nat = i) -> (forall y, F y <= B) -> (0 < n)%nat ->
  let delta := (B - F (x 0%nat)) / INR n in
  exists2 r, (r < n)%nat & @eps_nash I policy F (delta + 8 * C / sqrt alpha * sqrt (INR T * delta)) (x (r * T)%nat).
Proof.
move=> C0 run turns FB n0.
have responds t : exists z : policy (who t), @best_response I policy F (x t) (who t) z /\ x t.+1 = @deviate I policy (x t) (who t) z.
  have [z [/LP_update_iff_best_response b E]] := run t; exists z; split=> //.
  by apply: functional_extensionality_dep => j; apply: policy_eq; exact: E.
have sa : 0 < sqrt alpha by exact: sqrt_lt_R0.
have L0 : 0 <= 8 * C / sqrt alpha by apply: Rmult_le_pos; [lra|apply: Rlt_le; exact: Rinv_0_lt_compat].
have rises t : F (x t) <= F (x t.+1) by exact: theorem_4_2_values_monotone run t.
apply: (plain_turns_eps_nash FB L0 turns rises _ _ n0) => [t z|t i z ne].
  by have [v [b ->]] := responds t; exact: b.
have [v [b E]] := responds t; have up := rises t.
have M := @mixed_in_one_state (x t) i (who t) z v (fun e => ne (esym e)).
have one s : 1 <= state_occupancy G (x t) s by rewrite one_visit; lra.
have Q := best_response_gains_its_square alpha_gt0 Rle_0_1 one b.
rewrite -E in Q M *; set g := F (x t.+1) - F (x t) in Q *.
have g0 : 0 <= g by rewrite /g; lra.
set D := policy_dist (x t (who t)) v in Q M; have D0 : 0 <= D by exact: policy_dist_ge0.
have sg := sqrt_pos g; have gg := sqrt_sqrt _ g0; have aa := sqrt_sqrt _ (Rlt_le _ _ alpha_gt0).
have step : sqrt alpha * D <= 4 * sqrt g.
  apply: Rsqr_incr_0_var; last by lra.
  rewrite /Rsqr; have -> : sqrt alpha * D * (sqrt alpha * D) = sqrt alpha * sqrt alpha * (D * D) by ring.
  have -> : 4 * sqrt g * (4 * sqrt g) = 16 * (sqrt g * sqrt g) by ring.
  by rewrite aa gg; lra.
have Dz := policy_dist_le2 (x t i) z; have Dz0 := policy_dist_ge0 (x t i) z; set d := policy_dist (x t i) z in M Dz Dz0.
have bound : C * (d * D) <= 8 * C / sqrt alpha * sqrt g.
  apply: (Rmult_le_reg_l (sqrt alpha)) => //.
  have -> : sqrt alpha * (8 * C / sqrt alpha * sqrt g) = C * (2 * (4 * sqrt g)) by field; lra.
  have -> : sqrt alpha * (C * (d * D)) = C * (d * (sqrt alpha * D)) by ring.
  apply: Rmult_le_compat_l => //; apply: Rmult_le_compat => //; apply: Rmult_le_pos; lra.
rewrite -Rabs_Ropp in M; have W := Rle_trans _ _ _ (Rle_abs _) M; rewrite /g in bound *; lra.
Qed.

(* near a maximum, with growth and concavity left to suppose: a = alpha / 16 *)
Theorem local_rate_in_one_state (xs : joint_policy) (R1 R0 mu : R) (x : nat -> joint_policy) (who : nat -> I) T n :
  0 < mu -> 0 < C -> 0 <= R0 -> R0 <= R1 -> mu <= C * N -> C * (N * R0) < alpha * (1 * 1) / 16 * R1 ->
  (forall y, near xs R1 y -> mu * (\sum_i (policy_dist (y i) (xs i) * policy_dist (y i) (xs i))) <= F xs - F y) ->
  (forall y t, near xs R1 y -> 0 <= t <= 1 -> (1 - t) * F y + t * F xs <= F (fun i => mixture t (y i) (xs i))) ->
  alberdice_run G alpha x who -> (forall t i, exists2 k, (k < T)%nat & who (t + k)%nat = i) ->
  near xs R0 (x 0%nat) -> F xs - F (x 0%nat) <= mu * (R0 * R0) ->
  F xs - F (x (n * T)%nat) <= local_factor I mu C (alpha * (1 * 1) / 16) T ^ n * (F xs - F (x 0%nat)).
Proof.
move=> mu0 C0 R00 R01 muC small growth concave run turns near0 high.
have one (y : joint_policy) s : near xs R0 y -> 1 <= state_occupancy G y s by rewrite one_visit; lra.
have mixed (y : joint_policy) i j (u : policy i) (v : policy j) : i <> j ->
    near xs R1 y -> policy_dist u (xs i) <= R1 -> policy_dist v (xs j) <= R1 ->
    Rabs (F (@deviate I policy (@deviate I policy y j v) i u) - F (@deviate I policy y j v) - F (@deviate I policy y i u) + F y)
      <= C * (policy_dist (y i) u * policy_dist (y j) v) by move=> ij _ _ _; exact: mixed_in_one_state.
have [_ H] := local_linear_rate_of_runs alpha_gt0 mu0 C0 Rlt_0_1 R00 R01 muC small growth concave mixed one run turns near0 high.
by have [] := H n.
Qed.
End OneState.
