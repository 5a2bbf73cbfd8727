-- Rows that are planted while octavia's chain runs, see tests/corpus.py.

-- at 43287cd10fef: 29ff921a6eb gives pools the load balancer of their listener, 0f242cf02c74 load balancers a provider, fac584114642 monitors a key of their own
INSERT INTO load_balancer VALUES ('p', 'lb-1', 'one', NULL, 'ACTIVE', 'ONLINE', 1, 'SINGLE');
INSERT INTO load_balancer VALUES ('p', 'lb-2', 'two', 'The "second"', 'ACTIVE', 'OFFLINE', 1, 'SINGLE');
INSERT INTO load_balancer VALUES (NULL, 'lb-3', NULL, NULL, 'DELETED', 'OFFLINE', 0, NULL);
INSERT INTO pool VALUES ('p', 'pool-1', 'one', NULL, 'HTTP', 'ROUND_ROBIN', 'ONLINE', 1);
INSERT INTO pool VALUES ('p', 'pool-2', 'two', 'zwölf', 'TCP', 'SOURCE_IP', 'ONLINE', 0);
INSERT INTO pool VALUES ('p', 'pool-3', NULL, NULL, 'TCP', 'ROUND_ROBIN', 'ONLINE', 1);
INSERT INTO listener VALUES ('p', 'listener-1', 'one', NULL, 'HTTP', 80, NULL, 'lb-1', NULL, 'pool-1', 'ACTIVE', 'ONLINE', 1, 1025);
INSERT INTO listener VALUES ('p', 'listener-2', 'two', NULL, 'TCP', 443, 10, 'lb-2', NULL, 'pool-2', 'ACTIVE', 'ONLINE', 1, NULL);
INSERT INTO listener VALUES ('p', 'listener-3', NULL, NULL, 'TCP', 444, 10, 'lb-2', NULL, NULL, 'ACTIVE', 'ONLINE', 0, NULL);
INSERT INTO health_monitor VALUES ('pool-1', 'HTTP', 5, 5, 3, 3, 'GET', '/', '200', 1, 'p');
INSERT INTO health_monitor VALUES ('pool-2', 'TCP', 1, 2, 3, 4, NULL, NULL, NULL, 0, NULL);
INSERT INTO member VALUES ('p', 'member-1', 'pool-1', NULL, '10.0.0.1', 80, 1, 'ONLINE', 1);
INSERT INTO session_persistence VALUES ('pool-1', 'HTTP_COOKIE', NULL);
INSERT INTO vip VALUES ('lb-1', '10.0.0.2', 'port', 'subnet');
INSERT INTO amphora (id, status, load_balancer_id, role, cert_busy) VALUES ('amphora-1', 'ACTIVE', 'lb-1', NULL, 0);
INSERT INTO amphora_health VALUES ('amphora-1', '2016-01-01 10:00:00', 0);

-- at 9b5473976d6d: 034b2dc2f3e0 takes no NULL
UPDATE member SET provisioning_status = 'ACTIVE';
UPDATE pool SET provisioning_status = 'ACTIVE';
UPDATE health_monitor SET provisioning_status = 'PENDING_UPDATE';

-- at da371b422669: dcf88e59aae4 changes pools of one provider, e37941b010db replaces flavors that are not there
UPDATE load_balancer SET provider = 'ovn' WHERE id = 'lb-2';
UPDATE load_balancer SET flavor_id = 'flavor-1' WHERE id = 'lb-1';
UPDATE load_balancer SET flavor_id = 'gone' WHERE id = 'lb-2';
INSERT INTO flavor_profile VALUES ('profile-1', 'a profile', 'amphora', '{}');
INSERT INTO flavor VALUES ('flavor-1', 'a flavor', NULL, 1, 'profile-1');
