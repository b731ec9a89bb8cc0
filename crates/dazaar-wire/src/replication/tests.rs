mod attacks;
mod clear;
mod jar;
mod javascript;
mod schedules;
mod switches;
mod sync;
