-- Training.

CREATE FUNCTION @extschema@.pgtorch_train(
    model text, dataset text, loss nn.module, optimizer optim.optimizer DEFAULT optim.adam(),
    scheduler lr_scheduler.scheduler DEFAULT NULL, epochs integer DEFAULT 1, batch_size integer DEFAULT 32, shuffle boolean DEFAULT true, drop_last boolean DEFAULT false,
    target text[] DEFAULT NULL, clip_grad_norm double precision DEFAULT NULL, clip_grad_value double precision DEFAULT NULL,
    seed bigint DEFAULT 0, device text DEFAULT NULL, deploy boolean DEFAULT true, autocast text DEFAULT NULL,
    OUT run bigint, OUT status text, OUT epochs integer, OUT steps bigint, OUT loss double precision,
    OUT version integer, OUT seconds double precision)
RETURNS record
AS 'MODULE_PATHNAME', 'pgtorch_train'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000000;

COMMENT ON FUNCTION @extschema@.pgtorch_train(text, text, nn.module, optim.optimizer, lr_scheduler.scheduler, integer, integer, boolean, boolean, text[],
    double precision, double precision, bigint, text, boolean, text)
IS 'Trains a model on the rows of a query (features, then the target) and makes its next version.  Gradients are clipped by their norm first, then each by its value.  autocast => ''bfloat16'' computes as in torch.autocast; weights stay float32.';
