-- Training.

--@generate train
