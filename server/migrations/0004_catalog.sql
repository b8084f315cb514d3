-- The catalog: what is for sale and at which price. Stock is not here: it stands in the ledger.
create schema catalog;

create table catalog.products (
  tenant_id uuid not null,
  id uuid not null,
  title text not null check (length(title) between 1 and 200),
  on_sale boolean not null,
  created_at timestamptz not null,
  changed_at timestamptz not null,
  primary key (tenant_id, id)
);

create table catalog.skus (
  tenant_id uuid not null,
  id uuid not null,
  product_id uuid not null,
  -- What tells it from the product's other SKUs: "blue, 350 ml"; empty when it is the only one.
  title text not null check (length(title) <= 200),
  price_minor bigint not null check (price_minor >= 0),
  currency text not null check (length(currency) = 3),
  -- Counts the prices that the SKU has had; the rows of catalog.prices carry the same numbers.
  price_number integer not null check (price_number >= 1),
  on_sale boolean not null,
  created_at timestamptz not null,
  changed_at timestamptz not null,
  primary key (tenant_id, id),
  foreign key (tenant_id, product_id) references catalog.products (tenant_id, id)
);
-- The SKUs of the products of a page.
create index skus_by_product on catalog.skus (tenant_id, product_id, id);

-- Every price that a SKU has had, the present one too. Rows are never changed.
create table catalog.prices (
  tenant_id uuid not null,
  sku_id uuid not null,
  number integer not null check (number >= 1),
  price_minor bigint not null check (price_minor >= 0),
  currency text not null check (length(currency) = 3),
  valid_from timestamptz not null,
  set_by text not null check (length(set_by) between 1 and 200),
  primary key (tenant_id, sku_id, number),
  foreign key (tenant_id, sku_id) references catalog.skus (tenant_id, id)
);

-- Why stock came and went other than by orders; the id is that of the ledger's bundle.
create table catalog.stock_movements (
  tenant_id uuid not null,
  sku_id uuid not null,
  id uuid not null,
  kind text not null check (kind in ('put_in', 'written_off')),
  quantity bigint not null check (quantity > 0),
  reason text not null check (length(reason) between 1 and 200),
  made_by text not null check (length(made_by) between 1 and 200),
  at timestamptz not null,
  -- Ids rise in time, so this is also the order of the list of a SKU's movements.
  primary key (tenant_id, sku_id, id),
  foreign key (tenant_id, sku_id) references catalog.skus (tenant_id, id)
);
