-- What the evidence lacks, over all sources.
SELECT says FROM completeness WHERE source_id IS NULL AND count > 0
