(* Any number of agents in PLAIN turns, each an exact best response: a rate where one agent's move cannot change ANOTHER's possible gain by
   more than L times the root of what the move gained (in one state, alpha > 0: OneState.v gives L).  Among the first n
   rounds of N turns one begins at a (delta + L sqrt(N delta))-Nash policy, delta = (B - F_0)/n: eps-Nash within O(N L^2 (B - F_0) / eps^2) rounds.
   At alpha = 0 no such L exists: CycleLP. *)
From Coq Require Import Reals Lra Arith.
From mathcomp Require Import all_ssreflect.
From AlberDICE Require Import RealSums Inequalities Limits BlockAscent FiniteSample.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Local Open Scope R_scope.

Section PlainTurns.
Variables (I : eqType) (X : I -> Type).
Notation P := (forall i, X i).
Variables (F : P -> R) (B L : R) (x : nat -> P) (who : nat -> I) (N : nat).
Hypotheses (F_bound : forall y, F y <= B) (L0 : 0 <= L)
  (in_turns : forall t i, exists2 k, (k < N)%nat & who (t + k)%nat = i)
  (rises : forall t, F (x t) <= F (x t.+1))
  (best : forall t (z : X (who t)), F (deviate (x t) z) <= F (x t.+1))
  (modulus : forall t i (z : X i), who t <> i -> F (deviate (x t) z) - F (x t)
     <= F (deviate (x t.+1) z) - F (x t.+1) + L * sqrt (F (x t.+1) - F (x t))).

Lemma rises_by t k : F (x t) <= F (x (t + k)%nat).
Proof. by elim: k => [|k IH]; [rewrite addn0; lra|rewrite addnS; apply: Rle_trans IH (rises _)]. Qed.

Lemma gain_carried t k i (z : X i) : (forall l, (l < k)%nat -> who (t + l)%nat <> i) -> F (deviate (x t) z) - F (x t)
  <= F (deviate (x (t + k)%nat) z) - F (x (t + k)%nat) + L * (\sum_(j : 'I_k) sqrt (F (x (t + j).+1) - F (x (t + j)%nat))).
Proof.
elim: k => [|k IH] others; first by rewrite big_ord0 addn0; lra.
have {}IH := IH (fun l lk => others l (ltnW lk)).
have M := modulus z (others k (ltnSn k)); rewrite big_ord_recr /= addnS Rmult_plus_distr_l.
apply: Rle_trans IH _; rewrite (Rplus_comm (L * _)) -Rplus_assoc; apply: Rplus_le_compat_r; exact: M.
Qed.

Lemma gains_telescope t k : \sum_(j : 'I_k) (F (x (t + j).+1) - F (x (t + j)%nat)) = F (x (t + k)%nat) - F (x t).
Proof. by elim: k => [|k IH]; [rewrite big_ord0 addn0; ring|rewrite big_ord_recr /= IH addnS; ring]. Qed.

Lemma quiet_round_is_nash t delta : F (x (t + N)%nat) - F (x t) <= delta -> eps_nash F (delta + L * sqrt (INR N * delta)) (x t).
Proof.
move=> small i z.
have ex : exists k, (who (t + k)%nat == i) && (k < N)%nat by have [k kN Ek] := in_turns t i; exists k; rewrite Ek eqxx.
case: (ex_minnP ex) => k /andP[/eqP Ek kN] least.
have others l : (l < k)%nat -> who (t + l)%nat <> i.
  by move=> lk e; have := least l; rewrite e eqxx (ltn_trans lk kN) /= leqNgt lk => /(_ isT).
have dk : F (x (t + k).+1) - F (x t) <= delta.
  have := rises_by (t + k).+1 (N - k.+1); rewrite -addnS -addnA subnKC //; lra.
have d0 : 0 <= delta by have := rises_by t N; lra.
have g : F (deviate (x (t + k)%nat) z) - F (x (t + k)%nat) <= delta.
  have b : F (deviate (x (t + k)%nat) z) <= F (x (t + k).+1) by move: z; rewrite -Ek => z; exact: best.
  by have := rises_by t k; lra.
have C := gain_carried z others; set sum := \sum_(j : 'I_k) _ in C.
have s0 : 0 <= sum by apply: sum_ge0 => j _; exact: sqrt_pos.
have S : sum <= sqrt (INR N * delta).
  rewrite -(sqrt_square sum) //; apply: sqrt_le_1_alt; apply: Rle_trans (square_of_sum_le _) _.
  rewrite card_ord (eq_bigr (fun j : 'I_k => F (x (t + j).+1) - F (x (t + j)%nat))) => [|j _]; last first.
    by apply: sqrt_sqrt; have := rises (t + j); lra.
  rewrite gains_telescope; apply: Rmult_le_compat; [exact: pos_INR|by have := rises_by t k; lra| |].
    by apply: le_INR; apply/leP; exact: ltnW.
  by have := rises (t + k)%nat; lra.
by have := Rmult_le_compat_l L _ _ L0 S; lra.
Qed.

Theorem plain_turns_eps_nash n : (0 < n)%nat ->
  let delta := (B - F (x 0%nat)) / INR n in
  exists2 r, (r < n)%nat & eps_nash F (delta + L * sqrt (INR N * delta)) (x (r * N)%nat).
Proof.
move=> n0 delta; have np : 0 < INR n by apply: lt_0_INR; apply/ltP.
have E : INR n * delta = B - F (x 0%nat) by rewrite /delta; field; lra.
have H m : (exists2 r, (r < m)%nat & F (x (r * N + N)%nat) - F (x (r * N)%nat) <= delta)
    \/ ((0 < m)%nat -> INR m * delta < F (x (m * N)%nat) - F (x 0%nat)).
  elim: m => [|m [[r rm small]|big]]; [by right|by left; exists r => //; exact: ltnW|].
  case: (Rle_lt_dec (F (x (m * N + N)%nat) - F (x (m * N)%nat)) delta) => [le|lt]; first by left; exists m.
  right=> _; rewrite mulSn addnC S_INR.
  by case: m big lt => [|m] big lt; [move: lt; rewrite mul0n /=; lra|have := big isT; lra].
case: (H n) => [[r rn small]|big]; first by exists r => //; exact: quiet_round_is_nash.
by have := big n0; have := F_bound (x (n * N)%nat); lra.
Qed.
End PlainTurns.
