-- Whether anything was released or changed.
SELECT
  EXISTS (FROM releases) OR EXISTS (FROM drift_changes WHERE verdict IN ('step', 'slope', 'workload')) AS is_worth_showing
