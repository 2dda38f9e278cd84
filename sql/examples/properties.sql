-- A platform's own table, whose changes of status and price are told to all who
-- view or watch the property, if and only if they commit.

CREATE TABLE properties (
    id          bigint PRIMARY KEY,
    title       text NOT NULL,
    status      text NOT NULL DEFAULT 'available' CHECK (status IN
                ('available', 'under_offer', 'sold', 'rented', 'withdrawn')),
    price       bigint NOT NULL CHECK (price > 0),
    updated_at  timestamptz NOT NULL DEFAULT now()
);

CREATE FUNCTION properties_emit() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    channel text := 'property:' || NEW.id;
    at      text := to_char(clock_timestamp() AT TIME ZONE 'UTC',
                            'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');
BEGIN
    IF NEW.status <> OLD.status THEN
        PERFORM rtprop.emit(channel, 'property:status_changed',
            jsonb_build_object(
                'property_id', NEW.id::text,
                'title', NEW.title,
                'old_status', OLD.status,
                'new_status', NEW.status,
                'updated_at', at));
    END IF;

    IF NEW.price <> OLD.price THEN
        PERFORM rtprop.emit(channel, 'property:price_updated',
            jsonb_build_object(
                'property_id', NEW.id::text,
                'title', NEW.title,
                'old_price', OLD.price,
                'new_price', NEW.price,
                'percentage_change',
                    round((NEW.price - OLD.price) * 100.0 / OLD.price, 1),
                'is_price_drop', NEW.price < OLD.price,
                'updated_at', at));
    END IF;

    RETURN NULL;
END
$$;

CREATE TRIGGER properties_emit
AFTER UPDATE OF status, price ON properties
FOR EACH ROW EXECUTE FUNCTION properties_emit();
