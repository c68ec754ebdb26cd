-- 35_lr_scheduler.sql
--	  Learning rate schedulers: values that are Python text in canonical form, and functions that make them.
--
-- They have PyTorch's arguments but three: optimizer (pgtorch_train has it), last_epoch (a training begins at its first
-- epoch) and verbose (pgtorch.epochs has each epoch's rate).

--@generate lr_scheduler.scheduler
--@generate lr_scheduler
