--
-- Devices: what is said where there is no GPU (device.out), and that a GPU computes what the CPU does (device_1.out)
--
CREATE TABLE device_points AS
	SELECT i, ARRAY[sin(i), cos(i), i % 7 / 7.0]::real[] AS x, sin(i) * 2 + i % 7 AS y FROM generate_series(1, 200) i;
SELECT pgtorch_create_model('device', nn.Sequential(nn.Linear(3, 16), nn.BatchNorm1d(16), nn.GELU(), nn.Linear(16, 1)));
CREATE FUNCTION learn(device text, autocast text DEFAULT NULL) RETURNS double precision
	LANGUAGE sql AS $$
	SELECT loss FROM pgtorch_train('device', 'SELECT x, y FROM device_points', 'nn.MSELoss()', optimizer => 'optim.AdamW()',
		epochs => 3, batch_size => 16, device => device, autocast => autocast, deploy => false) $$;
SET client_min_messages = warning;

-- the same numbers on both
SELECT abs(learn('cpu') - learn('cuda')) < 1e-4 AS same;
SELECT abs(learn('cpu', 'bfloat16') - learn('cuda', 'bfloat16')) < 0.05 AS same;
SELECT device, count(*) FROM pgtorch.runs WHERE model = 'device' GROUP BY device ORDER BY device;
SELECT learn('cuda:99');
SELECT learn('auto') > 0 AS learnt;

SET pgtorch.device = 'cuda';
SELECT torch.add('[1, 2, 3]', 1), torch.matmul('[[1, 2], [3, 4]]', '[[5, 6], [7, 8]]');
SELECT torch.floor_divide('[1, 2, 3]'::tensor, '[1, 0, 1]'::tensor);
SELECT count(predict_value('device', x)) FROM device_points;
SELECT value <> '' AS named FROM pgtorch_info() WHERE key = 'gpu';
SET pgtorch.device = 'cpu';
SELECT torch.add('[1, 2, 3]', 1);
SELECT count(*) FROM pgtorch_info() WHERE key = 'gpu';
RESET pgtorch.device;

-- from plan to plan, session's setting by setting
DO $$
DECLARE
	there double precision;
	here double precision;
BEGIN
	FOR i IN 1..3 LOOP
		SET LOCAL pgtorch.device = 'cpu';
		here := predict_value('device', ARRAY[i, 2, 3]::real[]);
		SET LOCAL pgtorch.device = 'cuda';
		there := predict_value('device', ARRAY[i, 2, 3]::real[]);
		ASSERT abs(here - there) < 1e-5, 'both devices predict the same';
	END LOOP;
END $$;

SHOW pgtorch.matmul_precision;
SET pgtorch.matmul_precision = 'medium';
SET pgtorch.matmul_precision = 'high';
SELECT abs(learn('cpu') - learn('cuda')) < 0.05 AS same;
RESET pgtorch.matmul_precision;

SELECT pgtorch_drop_model('device');
DROP FUNCTION learn;
DROP TABLE device_points;
