-- Rows that are planted while the chain of mlflow's logins runs, see tests/corpus.py.

-- at a1b2c3d4e5f6: 2ed73881770d gives models a workspace and another key, e5f6a7b8c9d0 makes roles of permissions
INSERT INTO users (username, password_hash, is_admin) VALUES ('ada', 'hash', true);
INSERT INTO users (username, password_hash, is_admin) VALUES ('ben', NULL, false);
INSERT INTO users (username, password_hash, is_admin) VALUES ('cyd', 'hash', NULL);
INSERT INTO experiment_permissions (experiment_id, user_id, permission) VALUES ('1', 1, 'MANAGE');
INSERT INTO experiment_permissions (experiment_id, user_id, permission) VALUES ('1', 2, 'NO_PERMISSIONS');
INSERT INTO experiment_permissions (experiment_id, user_id, permission) VALUES ('2', 2, 'READ');
INSERT INTO experiment_permissions (experiment_id, user_id, permission) VALUES ('3', 2, NULL);
INSERT INTO registered_model_permissions (name, user_id, permission) VALUES ('a model', 2, 'EDIT');
INSERT INTO registered_model_permissions (name, user_id, permission) VALUES ('a model', 3, 'USE');
INSERT INTO scorer_permissions (experiment_id, scorer_name, user_id, permission) VALUES ('1', 'how/good? 100%', 3, 'READ');
INSERT INTO gateway_secret_permissions (secret_id, user_id, permission) VALUES ('s-1', 3, 'USE');
INSERT INTO gateway_endpoint_permissions (endpoint_id, user_id, permission) VALUES ('e-1', 1, 'READ');
INSERT INTO gateway_model_definition_permissions (model_definition_id, user_id, permission) VALUES ('m-1', 1, 'MANAGE');

-- at c3d4e5f6a7b8: e5f6a7b8c9d0 makes roles of these too, and finds one that is there
INSERT INTO workspace_permissions VALUES ('default', 1, 'EDIT');
INSERT INTO workspace_permissions VALUES ('other', 2, 'READ');
INSERT INTO workspace_permissions VALUES ('other', 3, 'NO_PERMISSIONS');
INSERT INTO roles (name, workspace, description) VALUES ('__user_admin__', 'default', 'An administrator');
INSERT INTO roles (name, workspace, description) VALUES ('__user_2__', 'other', NULL);
INSERT INTO role_permissions (role_id, resource_type, resource_pattern, permission) VALUES (1, 'experiment', '*', 'MANAGE');
INSERT INTO user_role_assignments (user_id, role_id) VALUES (1, 1);

-- at f1a2b3c4d5e6: what is there at the head, for the way down
INSERT INTO role_permissions (role_id, resource_type, resource_pattern, permission) VALUES (1, 'prompt', 'greeting', 'READ');
