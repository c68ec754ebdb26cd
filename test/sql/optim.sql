-- Optimizers, learning rate schedulers, clipped gradients: constructors, text, errors, and what they do in training.
SET client_min_messages = warning;
\set SHOW_CONTEXT never

-- Defaults are PyTorch's: left out when printed.
SELECT optim.SGD(0.1), optim.Adam(), optim.AdamW(), optim.RMSprop(), optim.Adagrad(), optim.Adadelta();
SELECT optim.Adamax(), optim.NAdam(), optim.RAdam(), optim.Rprop(), optim.ASGD();
SELECT optim.AdamW(0.01, '{0.8,0.9}', weight_decay => 0.1, maximize => true);
SELECT optim.SGD(), optim.Adam(weight_decay => 0.1, decoupled_weight_decay => true), optim.NAdam(maximize => true);
SELECT optim.RMSprop(alpha => 0.9, centered => true), optim.Rprop(etas => '{0.4,1.3}', step_sizes => '{1e-6,50}');
SELECT 'torch.optim.NAdam(lr=2e-3, momentum_decay=0.1)'::optim.optimizer;
SELECT optim.ASGD(t0 => 5) = 'ASGD(t0=5)'::optim.optimizer AS same, optim.ASGD() <> optim.ASGD(0.02) AS other;

-- What PyTorch refuses is refused.
SELECT optim.AdamW(lr => -1);
SELECT optim.Adadelta(rho => 2);
SELECT optim.Rprop(etas => '{1,2}');
SELECT optim.RAdam(betas => '{0.9}');
SELECT optim.Adamax(betas => '{0.9,1}');
SELECT optim.RMSprop(momentum => NULL);
SELECT 'optim.AdmaW()'::optim.optimizer;
SELECT 'optim.RAdam(momentum=0.9)'::optim.optimizer;
SELECT 'optim.Adagrad(lr_dekay=0.9)'::optim.optimizer;
SELECT 'optim.Adagrad(eps="small")'::optim.optimizer;

-- Schedulers have PyTorch's arguments without the optimizer.
SELECT lr_scheduler.StepLR(30), lr_scheduler.MultiStepLR(ARRAY[30, 80], gamma => 0.5), lr_scheduler.ExponentialLR(0.9);
SELECT lr_scheduler.ConstantLR(), lr_scheduler.LinearLR(start_factor => 0.1), lr_scheduler.PolynomialLR(power => 2);
SELECT lr_scheduler.LambdaLR('epoch -> 0.95 ** epoch'), lr_scheduler.MultiplicativeLR('0.95');
SELECT lr_scheduler.CosineAnnealingLR(T_max => 10), lr_scheduler.CosineAnnealingWarmRestarts(10, 2, 0.001);
SELECT lr_scheduler.CyclicLR(0.001, 0.1, mode => 'triangular2'), lr_scheduler.OneCycleLR(0.1, total_steps => 100);
SELECT lr_scheduler.ReduceLROnPlateau('max', patience => 3);
SELECT lr_scheduler.SequentialLR(ARRAY[lr_scheduler.LinearLR(), lr_scheduler.CosineAnnealingLR(20)], milestones => 5);
SELECT lr_scheduler.ChainedScheduler(ARRAY[lr_scheduler.ConstantLR(), lr_scheduler.ExponentialLR(0.9)]);
SELECT 'torch.optim.lr_scheduler.SequentialLR([ConstantLR(0.1, 2), StepLR(3)], milestones=[2])'::lr_scheduler.scheduler;
SELECT lr_scheduler.StepLR(30) = 'StepLR(30, gamma=0.1)'::lr_scheduler.scheduler AS same,
	lr_scheduler.StepLR(30) <> lr_scheduler.StepLR(31) AS other;
SELECT count(*) FROM (SELECT DISTINCT s FROM unnest('{"StepLR(1)","StepLR(1, 0.1)","StepLR(2)"}'::lr_scheduler.scheduler[]) s) d;

-- Errors name the argument, and the nearest name.
SELECT 'lr_scheduler.StepRL(1)'::lr_scheduler.scheduler;
SELECT 'lr_scheduler.StepLR(step=1)'::lr_scheduler.scheduler;
SELECT 'lr_scheduler.StepLR(1, verbose=True)'::lr_scheduler.scheduler;
SELECT 'lr_scheduler.StepLR(1, last_epoch=3)'::lr_scheduler.scheduler;
SELECT '30'::lr_scheduler.scheduler;
SELECT lr_scheduler.StepLR(0);
SELECT lr_scheduler.StepLR(NULL);
SELECT lr_scheduler.ConstantLR(factor => 1.5);
SELECT lr_scheduler.LinearLR(start_factor => 0);
SELECT lr_scheduler.LinearLR(end_factor => 2);
SELECT lr_scheduler.CosineAnnealingWarmRestarts(0);
SELECT lr_scheduler.CosineAnnealingWarmRestarts(5, T_mult => 0);
SELECT lr_scheduler.OneCycleLR(0.1, total_steps => 0);
SELECT lr_scheduler.OneCycleLR(0.1, pct_start => -1);
SELECT lr_scheduler.OneCycleLR(0.1, anneal_strategy => 'cosine');
SELECT lr_scheduler.CyclicLR(0.1, 0.2, mode => 'square');
SELECT lr_scheduler.CyclicLR(0.1, 0.2, scale_fn => 'y');
SELECT lr_scheduler.ReduceLROnPlateau(factor => 1);
SELECT lr_scheduler.ReduceLROnPlateau('least');
SELECT lr_scheduler.LambdaLR('epochs * 2');
SELECT lr_scheduler.LambdaLR('epoch -> 1 if epoch < 5 else 0.1');
SELECT lr_scheduler.LambdaLR('sinus(epoch)');
SELECT lr_scheduler.SequentialLR(ARRAY[lr_scheduler.StepLR(1), lr_scheduler.StepLR(2)], '{}');
SELECT lr_scheduler.SequentialLR(ARRAY[lr_scheduler.StepLR(1), lr_scheduler.ReduceLROnPlateau()], 3);
SELECT lr_scheduler.ChainedScheduler(ARRAY[lr_scheduler.StepLR(1), lr_scheduler.OneCycleLR(1)]);
SELECT lr_scheduler.ChainedScheduler(ARRAY[lr_scheduler.StepLR(1), NULL]);
SELECT lr_scheduler.ChainedScheduler('{}');
SELECT (repeat('ChainedScheduler([', 10000) || 'StepLR(1)' || repeat('])', 10000))::lr_scheduler.scheduler;
SELECT (repeat('ChainedScheduler([', 10) || 'StepLR(1)' || repeat('])', 10))::lr_scheduler.scheduler;

-- A line to learn: y = 2 a - b + 1.
CREATE TABLE line AS SELECT a::real, b::real, (2 * a - b + 1)::real AS y FROM generate_series(-1, 1, 0.1) a, generate_series(-1, 1, 0.1) b;
CREATE FUNCTION learn(optimizer optim.optimizer, scheduler lr_scheduler.scheduler DEFAULT NULL, epochs int DEFAULT 8,
	clip_grad_norm float8 DEFAULT NULL, clip_grad_value float8 DEFAULT NULL, batch_size int DEFAULT 32,
	OUT run bigint, OUT status text, OUT steps bigint, OUT loss float8) LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM pgtorch_create_model('line', nn.Linear(2, 1), or_replace => true);
		SELECT t.run, t.status, t.steps, t.loss INTO run, status, steps, loss
		FROM pgtorch_train('line', 'SELECT a, b, y FROM line', nn.MSELoss(), optimizer, scheduler, epochs => learn.epochs,
			batch_size => learn.batch_size, clip_grad_norm => learn.clip_grad_norm, clip_grad_value => learn.clip_grad_value) t;
	END $$;
-- rates of its epochs
CREATE FUNCTION rates(optimizer optim.optimizer, scheduler lr_scheduler.scheduler, epochs int DEFAULT 8) RETURNS text LANGUAGE plpgsql AS $$
	DECLARE
		trained bigint := (SELECT run FROM learn(optimizer, scheduler, epochs));
	BEGIN
		RETURN (SELECT string_agg(round(e.lr::numeric, 6)::text, ' ' ORDER BY e.epoch) FROM pgtorch.epochs e WHERE e.run = trained);
	END $$;

-- Every optimizer learns it.
SELECT o.o, l.status, l.steps, l.loss < 0.05 AS learned
FROM unnest('{"SGD(0.05)","SGD(0.02, momentum=0.9)","Adam(0.05)","AdamW(0.05)","RMSprop(0.02)","Adagrad(0.5)","Adadelta(1.0, eps=0.01)","Adamax(0.05)",
	"NAdam(0.05)","RAdam(0.05)","Rprop()","ASGD(0.05)"}'::optim.optimizer[]) WITH ORDINALITY o (o, i),
	learn(o.o, epochs => 20) l ORDER BY o.i;

-- The rate of each epoch, by hand; those of one cycle are of the epoch's last step.
SELECT rates(optim.SGD(0.1), NULL, 3);
SELECT rates(optim.SGD(0.1), lr_scheduler.StepLR(3, gamma => 0.5));
SELECT rates(optim.SGD(0.1), lr_scheduler.MultiStepLR(ARRAY[2, 5]));
SELECT rates(optim.SGD(0.1), lr_scheduler.ConstantLR(0.5, total_iters => 3));
SELECT rates(optim.SGD(0.1), lr_scheduler.LinearLR(0.25, total_iters => 3));
SELECT rates(optim.SGD(0.1), lr_scheduler.ExponentialLR(0.5));
SELECT rates(optim.SGD(0.1), lr_scheduler.PolynomialLR(4));
SELECT rates(optim.SGD(0.1), lr_scheduler.CosineAnnealingLR(4));
SELECT rates(optim.SGD(0.1), lr_scheduler.CosineAnnealingWarmRestarts(2));
SELECT rates(optim.SGD(0.1), lr_scheduler.LambdaLR('epoch -> 1 / (epoch + 1)'));
SELECT rates(optim.SGD(0.1), lr_scheduler.MultiplicativeLR('where(epoch < 4, 1, 0.5)'));
SELECT rates(optim.SGD(0.1), lr_scheduler.ReduceLROnPlateau('max', factor => 0.5, patience => 1));
SELECT rates(optim.SGD(0.1), lr_scheduler.SequentialLR(ARRAY[lr_scheduler.ConstantLR(0.5, 9), lr_scheduler.ExponentialLR(0.5)], 3));
SELECT rates(optim.SGD(0.1), lr_scheduler.ChainedScheduler(ARRAY[lr_scheduler.ConstantLR(0.5, 2), lr_scheduler.ExponentialLR(0.5)]));
SELECT rates(optim.SGD(0.1), lr_scheduler.OneCycleLR(0.1, pct_start => 0.5, anneal_strategy => 'linear', div_factor => 10, final_div_factor => 1));
SELECT rates(optim.Adam(), lr_scheduler.CyclicLR(0.0, 0.14, step_size_up => 14, cycle_momentum => false));

-- What a run had is in its history.
SELECT steps FROM learn(optim.SGD(0.1), lr_scheduler.OneCycleLR(0.1), 2, 1.5, 0.5);
SELECT optimizer, scheduler, options -> 'clip_grad_norm' AS norm, options -> 'clip_grad_value' AS value
FROM pgtorch.runs WHERE model = 'line' ORDER BY id DESC LIMIT 1;

-- Clipped: one step of rate 1 moves no weight further than the value, and all together not further than the norm.
CREATE FUNCTION moved(norm float8, value float8, OUT furthest numeric, OUT together numeric) LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM learn(optim.SGD(1), NULL, 1, norm, value, 441);
		WITH change AS (SELECT unnest(torch.reshape(v.value, -1)::real[]) - unnest(torch.reshape(b.value, -1)::real[]) AS d
			FROM pgtorch_state_dict('line') v JOIN pgtorch_state_dict('line@1') b USING (name))
		SELECT round(max(abs(d))::numeric, 4), round(sqrt(sum(d * d))::numeric, 4) INTO furthest, together FROM change;
	END $$;
SELECT * FROM moved(NULL, 0.01);
SELECT * FROM moved(0.25, NULL);
SELECT * FROM moved(0.01, 0.005);
SELECT (SELECT m FROM moved(1000, 1000) m) = (SELECT m FROM moved(NULL, NULL) m) AS same;

-- Arguments that cannot be, and schedulers that do not go with the optimizer or the training.
SELECT learn(optim.SGD(0.1), clip_grad_norm => 0);
SELECT learn(optim.SGD(0.1), clip_grad_norm => 'nan');
SELECT learn(optim.SGD(0.1), clip_grad_value => -1);
SELECT learn(optim.Adagrad(), lr_scheduler.CyclicLR(0.1, 0.2));
SELECT learn(optim.Adagrad(), lr_scheduler.OneCycleLR(0.1));
SELECT learn(optim.SGD(0.1), lr_scheduler.OneCycleLR(0.1, total_steps => 20));
SELECT learn(optim.SGD(0.1), lr_scheduler.LambdaLR('1 / (epoch - 3)'));
SELECT learn(optim.SGD(0.1), lr_scheduler.LambdaLR('inf'));

DROP FUNCTION learn, rates, moved;
DROP TABLE line;
SELECT pgtorch_drop_model('line');
