#!/usr/bin/perl

# conversations/{id} over HTTP, and what a change does to those who joined.

use strict;
use warnings;

use lib 't/lib';
use RTProp::Chat;
use RTProp::Test;

my $nginx = rtprop_nginx(reuseport => 1, location => 'rtprop_rate message off;
                                             rtprop_rate other off;');
my @workers = $nginx->workers;
my $path = '/api/conversations/c1';


# the resource

is(api(GET => $path)->{status}, 404, 'at first there is none');

my $res = api(PUT => $path, { participants => ['ann',
    { id => 'ben', name => 'Ben', avatar => '/b.png', role => 'agent' }],
    property_id => 42, title => 'The house', unknown => 1 });
is($res->{status}, 201, 'PUT creates');
is_deeply($res->{json}, { id => 'c1', version => 1, property_id => '42',
    title => 'The house', participants => [
    { id => 'ann', name => undef, avatar => undef, role => undef },
    { id => 'ben', name => 'Ben', avatar => '/b.png', role => 'agent' }] },
    'and answers the resource');
is($res->{headers}{etag}, '"1"', 'with its version as ETag');
is_deeply(api(GET => $path)->{json}, $res->{json}, 'which GET gives, too');

$res = api(PUT => $path, { participants => ['ben', 'cleo'] });
is($res->{status}, 200, 'PUT changes');
is($res->{json}{version}, 2, 'the version goes on');
is_deeply([map { $_->{id} } @{$res->{json}{participants}}], ['ben', 'cleo'],
          'it replaces the whole');
is($res->{json}{title}, undef, 'all of it');

is(api(PUT => $path, { participants => ['x'] }, 'If-Match' => '"1"')
   ->{status}, 409, 'a stale If-Match');
is(api(GET => $path)->{json}{version}, 2, 'changes nothing');
is(api(PUT => $path, { participants => ['ben', 'cleo'] },
       'If-Match' => '"2"')->{status}, 200, 'the current one');

for ([{}, 'participants'], [{ participants => [] }, 'participants'],
     [{ participants => 'ann' }, 'participants'],
     [{ participants => ['a', 'a'] }, 'participants'],
     [{ participants => [{}] }, 'participants'],
     [{ participants => [map { "u$_" } 1 .. 1001] }, 'participants'],
     [{ participants => ['a'], title => [] }, 'title'],
     [{ participants => ['a'], property_id => {} }, 'property_id'])
{
    my ($body, $field) = @$_;
    $res = api(PUT => $path, $body);
    is($res->{status}, 422, "a bad $field");
    is($res->{json}{field}, $field, 'is named');
}

is(api(PUT => $path, '[]', 'Content-Type' => 'application/json')->{status},
   422, 'an array is none');
is(api(GET => $path)->{json}{version}, 3, 'nothing of it was kept');


# participants who are taken out

conversation('c2', 'ann', 'ben', 'cleo');
my $ann = client(user => 'ann', worker => $workers[0]);
my $ben = client(user => 'ben', worker => $workers[1]);
my $ben2 = client(user => 'ben', worker => $workers[2]);
my $other = client(user => 'ben', worker => $workers[1]);
joins($_, 'c2') for $ann, $ben, $ben2;
$ben->send_json('chat:typing_start', 'c2');
$ann->wait_for('chat:user_typing');
$_->fence && $_->clear for $ann, $ben, $ben2;

conversation('c2', 'ann', 'cleo');
my @heard = map { $ann->wait_for(qr/^chat:/) } 1 .. 2;
is_deeply([map { "$_->{type} $_->{payload}{user_id}" } @heard],
          ['chat:user_stopped_typing ben', 'chat:user_left ben'],
          'the others hear that he has left');
quiet_ok($ann, 'once');

says($ann, 'c2', 'without ben');
$ann->send_json('chat:typing_start', 'c2');
quiet_ok($_, 'who is out hears no more') for $ben, $ben2;
my %hi = (conversation_id => 'c2', content => 'hi');
error_is($ben, 'chat:send_message', \%hi, 'not_joined', 'nor does he speak');
error_is($ben2, 'chat:join', 'c2', 'not_authorized', 'nor come back');
error_is($ben, 'chat:history', 'c2', 'not_authorized', 'nor read');
is(error_is($other, 'resume', { channels => {} }, 'invalid_payload',
            'a resume of nothing')->{field}, 'channels', 'has a field');
my $resumed = asks($other, 'resume', { channels => {
    'conversation:c2' => { epoch => '0123456789abcdef', offset => 0 } } });
is($resumed->{payload}{channels}{'conversation:c2'}{code}, 'not_authorized',
   'nor resume');

conversation('c2', 'ann', 'ben');
ok(joins($ben, 'c2'), 'until he is let in again');
is(gets($ben, 'without ben')->{payload}{from}, 'ann',
   'and reads what he has missed');

my $claimed = client(user => 'dora', claims => { conversations => ['c2'] });
joins($claimed, 'c2');
conversation('c2', 'ann', 'ben');
$claimed->fence;
ok($ann->wait_for('chat:user_left', sub { $_[0]{payload}{user_id} eq 'dora' }),
   'who was in by the token is out, too');
ok(joins($claimed, 'c2'), 'but the token lets her in again');


# many participants

conversation('big', 'ann', map { { id => "u$_", name => "U $_" } } 1 .. 299);
my $joined = joins($ann, 'big')->{payload};
is($joined->{participant_count}, 300, 'participant_count');
is(@{$joined->{participants}}, 100, 'at most 100 are listed');
my $last = client(user => 'u299');
is(joins($last, 'big')->{payload}{participant_count}, 300,
   'who is not listed may join');
is(says($last, 'big', 'hello')->{payload}{sender}{name}, 'U 299',
   'and has a name');

conversation('full', 'ann', map { "u$_" } 1 .. 999);
error_is($claimed, 'chat:join', 'full', 'not_authorized', 'a stranger');
my $late = client(user => 'late', claims => { conversations => ['full'] });
error_is($late, 'chat:join', 'full', 'conflict',
         'with a thousand there is no room for another');


done_testing();
