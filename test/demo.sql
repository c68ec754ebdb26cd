-- Handwritten digits: from a CSV file to an accuracy, in SQL.
-- "make demo" runs this on a private server, from the folder where digits.csv is.

CREATE EXTENSION pgtorch;

-- 1797 images of 8x8 pixels, 0 (white) to 16 (black), and the digit each one shows

CREATE TABLE digits (id int PRIMARY KEY, pixels real[], label int);
\copy digits from 'digits.csv' with (format csv, header)

-- the network: 64 pixels, 64 hidden values, 10 digits

SELECT pgtorch_create_model('digits',
           nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10)));

-- training, on the first 1437 rows; the last column is what to learn

SELECT * FROM pgtorch_train('digits',
           'SELECT pixels, label FROM digits WHERE id <= 1437 ORDER BY id',
           loss => nn.CrossEntropyLoss(),
           optimizer => optim.Adam(lr => 1e-3),
           epochs => 20, batch_size => 32);

-- predictions on rows that the network has never seen

SELECT id, label, predict_class('digits', pixels) AS predicted
FROM digits WHERE id > 1437 ORDER BY id LIMIT 8;

-- how sure it is of the first one: a probability for each digit

SELECT predict_proba('digits', pixels) FROM digits WHERE id = 1438;

-- and how often it is right

SELECT 'accuracy ' || round(avg((predict_class('digits', pixels) = label::text)::int), 4) AS result
FROM digits WHERE id > 1437;
