-- The trial balance: what each account was debited and credited in all.
SELECT
    account,
    sum(debit_pico) AS debit_pico,
    sum(credit_pico) AS credit_pico
FROM (
    SELECT debit AS account, CAST(amount_pico AS numeric) AS debit_pico, CAST(0 AS numeric) AS credit_pico FROM ledger_line
    UNION ALL
    SELECT credit, 0, amount_pico FROM ledger_line
) AS side
GROUP BY account
ORDER BY account COLLATE "C"
