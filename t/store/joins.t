#!/usr/bin/perl

# A join while the database does not give what is in it: it is refused, rather
# than that an empty room is shown, and a later one has all.

use strict;
use warnings;

use lib 't/lib';
use RTProp::Chat;
use RTProp::Postgres;
use RTProp::Test;

my $pg = RTProp::Postgres->new;
$pg->start;
$pg->migrate;
$pg->sql(<<'END');
CREATE SCHEMA app;
CREATE TABLE app.broken (query text PRIMARY KEY);
CREATE FUNCTION app.may(q text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM app.broken b WHERE b.query = q) THEN
        RAISE EXCEPTION 'broken %', q USING ERRCODE = 'RT001';
    END IF;
END $$;
END

my %queries = (chat_history => ['text', ('bigint') x 4, 'boolean'],
               receipt_get => ['text', 'text'], property_get => ['text']);
my $conf = '';

for my $name (sort keys %queries) {
    my @types = @{$queries{$name}};
    my $types = join ', ', @types;
    my $values = join ', ', map { "\$$_" } 1 .. @types;
    my $columns = $pg->sql("SELECT pg_get_function_result(p.oid)"
                           . " FROM pg_proc p WHERE proname = '$name'"
                           . " AND pronamespace = 'rtprop'::regnamespace");
    $pg->sql("CREATE FUNCTION app.$name($types) RETURNS $columns"
             . " LANGUAGE plpgsql AS \$\$ BEGIN PERFORM app.may('$name');"
             . " RETURN QUERY SELECT * FROM rtprop.$name($values); END \$\$");
    $conf .= "rtprop_query $name \"SELECT * FROM app.$name($values)\";\n";
}

my $nginx = rtprop_nginx(workers => 2, reuseport => 1,
    allow => [qr/PostgreSQL/],
    prefix => 'rtprop_history messages=4; rtprop_postgres "' . $pg->conninfo
              . "\";\n$conf",
    location => 'rtprop_rate message off; rtprop_rate other off;');
my ($one, $two) = $nginx->workers;


# While a query does not work: runs the code.

sub broken {
    my ($query, $code) = @_;

    $pg->sql("INSERT INTO app.broken VALUES ('$query')");
    $code->();
    $pg->sql('DELETE FROM app.broken');
}

conversation('c1', 'ann', 'ben');
my $ann = client(user => 'ann', worker => $one);
my $joined = joins($ann, 'c1');
says($ann, 'c1', "m$_") for 1 .. 6;

sub refused {
    my ($query, $name, %opt) = @_;
    my $ben = client(user => 'ben', worker => $two);

    broken($query => sub {
        error_is($ben, 'chat:join', { conversation_id => 'c1', %opt },
                 'unavailable', $name);
        my $answer = asks($ben, 'resume', { channels => {
            'conversation:c1' => { epoch => 'x', offset => 0 } } });
        is_deeply($answer->{payload}{channels}{'conversation:c1'},
                  { recovered => false, missed => undef,
                    code => 'unavailable' }, "$name: nor resumed");
    });

    $ann->clear;
    $ben->clear;
    ok(says($ann, 'c1', "after $name"), "$name: others go on");
    quiet_ok($ben, "$name: who was refused hears nothing");

    is(joins($ben, 'c1')->{offset}, offset(),
       "$name: a later join works");
    $ben->close;
    $ann->wait_for('chat:user_left');
}

sub offset {
    return api(GET => '/api/channels/conversation:c1')->{json}{offset};
}

refused(receipt_get => 'the read mark');
refused(chat_history => 'some of the messages');

# none of the messages is at hand any more

api(POST => '/api/publish', { channel => 'conversation:c1',
                              type => 'chat:note' }) for 1 .. 6;
refused(chat_history => 'none of the messages');

my $ben = client(user => 'ben', worker => $two);
$joined = joins($ben, 'c1');
is($joined->{payload}{unread_count}, 9, 'what is unread is counted');
is(join(' ', map { $ben->wait_for('chat:new_message')->{payload}{content} }
             1 .. 6), 'm1 m2 m3 m4 m5 m6', 'and shown');

# a property

api(PUT => '/api/properties/p1', { title => 'House', status => 'available',
                                   price => 100 });
broken(property_get => sub {
    error_is($ben, 'property:view', 'p1', 'unavailable', 'a property');
});
is(api(GET => '/api/properties/p1/viewers')->{json}{count}, 0, 'nobody views');
is(asks($ben, 'property:view', 'p1')->{payload}{price}, 100,
   'a later one sees what is known');

done_testing();
