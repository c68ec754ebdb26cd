-- 40_ops.sql
--	  Tensor functions under PyTorch's names in schema torch, and the operators of tensor: one C entry, which finds
--	  the op by the function's name and looks at the types of the arguments.

--@generate ops
