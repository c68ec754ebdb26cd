-- 50_train.sql
--	  Training.

--@generate train
