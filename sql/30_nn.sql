-- 30_nn.sql
--	  Modules, losses and optimizers: values that are Python text in canonical form, and functions that make them.

--@generate nn.module
--@generate optim.optimizer

-- modules and losses
--@generate nn

-- optimizers
--@generate optim
