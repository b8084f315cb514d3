-- Identity: tenants and their settings, and the keys and tokens that tell who calls.
create schema identity;

create table identity.tenants (
  tenant_id uuid not null,
  name text not null check (length(name) between 1 and 100),
  -- Business days begin at this zone's midnight.
  time_zone text not null check (length(time_zone) between 1 and 64),
  currency text not null check (currency ~ '^[A-Z]{3}$'),
  active boolean not null,
  created_at timestamptz not null,
  primary key (tenant_id)
);

-- No row means the platform's default, so that a new default reaches all who chose none.
create table identity.tenant_settings (
  tenant_id uuid not null,
  name text not null check (length(name) between 1 and 100),
  value jsonb not null,
  changed_at timestamptz not null,
  changed_by text not null,
  primary key (tenant_id, name),
  foreign key (tenant_id) references identity.tenants (tenant_id)
);

create table identity.tenant_setting_changes (
  tenant_id uuid not null,
  name text not null,
  id uuid not null,
  -- Null on either side is the platform's default.
  old_value jsonb,
  new_value jsonb,
  changed_at timestamptz not null,
  changed_by text not null,
  primary key (tenant_id, name, id),
  foreign key (tenant_id) references identity.tenants (tenant_id)
);

-- Keys sign for the whole platform. Their rows carry the platform's own tenant id, so that this
-- table keeps the form of all others and lives where that id's data lives.
create table identity.signing_keys (
  tenant_id uuid not null,
  -- The key's thumbprint (RFC 7638), which tokens name as `kid`.
  id text not null check (length(id) = 43),
  algorithm text not null check (algorithm = 'EdDSA'),
  public_jwk jsonb not null,
  sealed_private_key text not null,
  published_at timestamptz not null,
  signs_from timestamptz not null,
  -- Both change when a successor is published: the successor will be rotated, this one will end.
  rotates_at timestamptz,
  verifies_until timestamptz,
  primary key (tenant_id, id),
  check (signs_from >= published_at),
  check ((rotates_at is null) = (verifies_until is not null))
);
-- Of two processes that publish a key at the same time, one wins and the other sees its key.
create unique index signing_keys_newest on identity.signing_keys (tenant_id)
  where verifies_until is null;

create table identity.revoked_tokens (
  tenant_id uuid not null,
  token_id uuid not null,
  revoked_at timestamptz not null,
  revoked_by text not null,
  reason text not null check (length(reason) between 1 and 200),
  -- From then on no such token can be alive, and the row is not needed.
  forget_at timestamptz not null,
  primary key (tenant_id, token_id)
);

-- All tokens of the subject issued up to `revoked_at` are dead; those issued later live.
create table identity.revoked_subjects (
  tenant_id uuid not null,
  subject text not null,
  revoked_at timestamptz not null,
  revoked_by text not null,
  reason text not null check (length(reason) between 1 and 200),
  forget_at timestamptz not null,
  primary key (tenant_id, subject)
);

-- Tokens that are good for one request, once that request has come.
create table identity.used_tokens (
  tenant_id uuid not null,
  token_id uuid not null,
  forget_at timestamptz not null,
  primary key (tenant_id, token_id)
);
-- For the sweep that forgets them; rows come and go in this order.
create index used_tokens_forget_at on identity.used_tokens (forget_at);
