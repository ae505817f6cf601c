-- The accrual lines of attempts, to be reversed.
SELECT * FROM ledger_line WHERE kind = 'accrual' AND attempt_id = ANY(:attempts) ORDER BY id
