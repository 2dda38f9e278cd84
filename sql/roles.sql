-- Least rights, for psql as the owner of the schema; may be run again:
--
--   psql -q -v app=site_app -v emitter=site_web -f sql/roles.sql "dbname=site"
--
-- The owner, who ran the migrations, needs no login but for the next ones.
-- app: what rtprop_postgres logs in as: it reads and writes the tables, alters
-- none, and neither changes nor removes what is kept for audits.  emitter: the
-- platform's own roles: they may call rtprop.emit() and nothing else.  Both
-- roles must be there.
--
-- PostgreSQL lets everybody call what is created, unless its creator says
-- otherwise, which he can say of all schemas only: whatever function the owner
-- creates in this database after this is nobody's but his own.  So the owner should
-- be a role that owns nothing but the schema.

\set ON_ERROR_STOP on

BEGIN;

REVOKE ALL ON SCHEMA rtprop FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA rtprop FROM PUBLIC, :"app", :"emitter";
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA rtprop FROM PUBLIC, :"app", :"emitter";

GRANT USAGE ON SCHEMA rtprop TO :"app", :"emitter";

GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA rtprop TO :"app";
GRANT USAGE ON ALL SEQUENCES IN SCHEMA rtprop TO :"app";
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA rtprop TO :"app";

REVOKE INSERT, UPDATE, DELETE ON rtprop.migration FROM :"app";

-- what is kept for audits

SELECT format('REVOKE UPDATE, DELETE ON rtprop.%I FROM %I', c.relname, :'app')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'rtprop' AND c.relname IN ('bid') \gexec

-- what the platform may call

SELECT format('GRANT EXECUTE ON FUNCTION %s TO %I', p.oid::regprocedure,
              :'emitter')
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname = 'rtprop' AND p.proname = 'emit' \gexec

-- tables and functions of migrations to come

ALTER DEFAULT PRIVILEGES IN SCHEMA rtprop
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO :"app";
ALTER DEFAULT PRIVILEGES IN SCHEMA rtprop
    GRANT USAGE ON SEQUENCES TO :"app";
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES IN SCHEMA rtprop
    GRANT EXECUTE ON FUNCTIONS TO :"app";

COMMIT;
